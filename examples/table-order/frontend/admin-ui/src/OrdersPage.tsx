import {
  Alert,
  type Order,
  type OrderStatus,
  STATUS,
  type SignedIn,
  StatusChip,
  clock,
  count,
  messageOf,
  won,
} from "@table-order/shared";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { changeStatus } from "./api";
import type { LiveOrders } from "./useLiveOrders";

/** What the kitchen still has to do, one column each, and where each order goes from there. */
const COLUMNS: { status: OrderStatus; next: OrderStatus; action: string }[] = [
  { status: "pending", next: "preparing", action: "Start cooking" },
  { status: "preparing", next: "completed", action: "Mark as served" },
];

interface OrdersPageProps {
  call: SignedIn["call"];
  live: LiveOrders;
}

export function OrdersPage({ call, live }: OrdersPageProps) {
  const [problem, setProblem] = useState<string>();
  const orders = live.orders ?? [];
  const finished = orders.filter(({ status }) => !COLUMNS.some((column) => column.status === status));

  const move = async (order: Order, status: OrderStatus) => {
    setProblem(undefined);
    try {
      await call((token) => changeStatus(token, order.id, status));
    } catch (error) {
      setProblem(messageOf(error));
    }
    live.refresh();
  };

  const cancel = (order: Order) => {
    if (window.confirm(`Cancel order #${order.id} of table ${order.table_number}? This cannot be undone.`)) {
      void move(order, "cancelled");
    }
  };

  return (
    <>
      <div className="page-title">
        <h1>
          Orders <span lang="ko">주문</span>
        </h1>
        <LiveSign live={live.live} />
        <Announcer orders={live.orders} />
      </div>
      {(problem ?? live.problem) && <Alert kind="error">{problem ?? live.problem}</Alert>}
      <div className="board">
        {COLUMNS.map(({ status, next, action }) => (
          <Column key={status} status={status} orders={oldestFirst(orders, status)}>
            {(order) => (
              <>
                <button type="button" className="button small quiet" onClick={() => cancel(order)}>
                  Cancel
                </button>
                <button type="button" className="button small primary" onClick={() => move(order, next)}>
                  {action}
                </button>
              </>
            )}
          </Column>
        ))}
        <section className="column" aria-label="Finished">
          <h2>Finished</h2>
          <ul className="tickets">
            {finished.map((order) => (
              <Ticket key={order.id} order={order} />
            ))}
          </ul>
          {finished.length === 0 && <p className="empty">Nothing yet.</p>}
        </section>
      </div>
    </>
  );
}

interface ColumnProps {
  status: OrderStatus;
  orders: Order[];
  children: (order: Order) => ReactNode;
}

function Column({ status, orders, children }: ColumnProps) {
  return (
    <section className="column" aria-label={STATUS[status].label}>
      <h2>
        {STATUS[status].label} <span className="muted">{orders.length}</span>
      </h2>
      <ul className="tickets">
        {orders.map((order) => (
          <Ticket key={order.id} order={order}>
            {children(order)}
          </Ticket>
        ))}
      </ul>
      {orders.length === 0 && <p className="empty">No orders here.</p>}
    </section>
  );
}

function Ticket({ order, children }: { order: Order; children?: ReactNode }) {
  return (
    <li className="card ticket" aria-label={`Order ${order.id}`}>
      <div className="ticket-head">
        <strong className="ticket-table">Table {order.table_number}</strong>
        <span className="muted">
          #{order.id} · <time dateTime={order.created_at}>{clock(order.created_at)}</time>
        </span>
        {!children && <StatusChip status={order.status} />}
      </div>
      <ul>
        {order.items.map((item) => (
          <li key={item.menu_id} className="ticket-item">
            <strong>{item.quantity} ×</strong> {item.menu_name}
          </li>
        ))}
      </ul>
      <div className="ticket-foot">
        <span>{won(order.total)}</span>
        {children}
      </div>
    </li>
  );
}

function LiveSign({ live }: { live: boolean }) {
  return (
    <span className={live ? "live on" : "live"} role="status">
      {live ? "Live" : "Connecting…"}
    </span>
  );
}

/** Tells a screen reader about orders that came in since the page was opened. */
function Announcer({ orders }: { orders: Order[] | undefined }) {
  const newest = useRef<number>(undefined);
  const [text, setText] = useState("");

  useEffect(() => {
    if (!orders) return;
    const highest = Math.max(0, ...orders.map(({ id }) => id));
    const arrived = orders.filter(({ id }) => id > (newest.current ?? highest));
    newest.current = highest;
    if (arrived.length > 0) {
      setText(`${count(arrived.length, "new order")}: table ${arrived.map((order) => order.table_number).join(", ")}`);
    }
  }, [orders]);

  return (
    <span className="visually-hidden" role="status">
      {text}
    </span>
  );
}

/** The kitchen cooks in the order of arrival. */
function oldestFirst(orders: Order[], status: OrderStatus): Order[] {
  return orders.filter((order) => order.status === status).sort((a, b) => a.id - b.id);
}
