import {
  Alert,
  type Order,
  type OrderStatus,
  Problem,
  type SignedIn,
  StatusChip,
  type TextKey,
  useConfirm,
  useText,
} from "@table-order/shared";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { changeStatus } from "./api";
import type { Chime } from "./useChime";
import { LOOK_SECONDS_NOT_LIVE, type LiveOrders, type Liveness } from "./useLiveOrders";

/** What the kitchen still has to do, one column each, and where each order goes from there. */
const COLUMNS: { status: OrderStatus; next: OrderStatus; action: TextKey }[] = [
  { status: "pending", next: "preparing", action: "start_cooking" },
  { status: "preparing", next: "completed", action: "mark_served" },
];

interface OrdersPageProps {
  call: SignedIn["call"];
  live: LiveOrders;
  chime: Chime;
}

export function OrdersPage({ call, live, chime }: OrdersPageProps) {
  const { t } = useText();
  const [problem, setProblem] = useState<unknown>();
  const moved = useRef<{ order: number; status: OrderStatus }>(undefined);
  const [ask, confirmation] = useConfirm();
  const orders = live.orders ?? [];
  const finished = orders.filter(({ status }) => !COLUMNS.some((column) => column.status === status));

  useEffect(() => {
    const { order, status } = moved.current ?? {};
    if (!orders.some(({ id, status: now }) => id === order && now === status)) return;
    moved.current = undefined;
    // The button that was pressed is gone: whoever works with the keyboard stays at the order.
    if (document.activeElement === document.body) document.getElementById(`order-${order}`)?.focus();
  });

  const move = async (order: Order, status: OrderStatus) => {
    setProblem(undefined);
    moved.current = { order: order.id, status };
    try {
      await call((token) => changeStatus(token, order.id, status));
    } catch (error) {
      moved.current = undefined;
      setProblem(error);
    }
    live.refresh();
  };

  const cancel = (order: Order) =>
    ask({
      text: t("confirm_cancel", { order: order.id, table: order.table_number }),
      action: t("cancel_order"),
      onConfirm: () => void move(order, "cancelled"),
    });

  return (
    <>
      <div className="page-title">
        <h1>{t("page_orders")}</h1>
        <LiveSign liveness={live.liveness} />
        <ChimeSwitch chime={chime} />
      </div>
      <Alert kind="info">{chime.blocked && t("sound_blocked")}</Alert>
      <Problem of={problem ?? live.problem} />
      {confirmation}
      <div className="board">
        {COLUMNS.map(({ status, next, action }) => (
          <Column key={status} status={status} orders={oldestFirst(orders, status)}>
            {(order) => (
              <>
                <button type="button" className="button small quiet" onClick={() => cancel(order)}>
                  {t("cancel_order")}
                </button>
                <button type="button" className="button small primary" onClick={() => move(order, next)}>
                  {t(action)}
                </button>
              </>
            )}
          </Column>
        ))}
        <section className="column" aria-label={t("finished")}>
          <h2>{t("finished")}</h2>
          <ul className="tickets">
            {finished.map((order) => (
              <Ticket key={order.id} order={order} />
            ))}
          </ul>
          {finished.length === 0 && <p className="empty">{t("nothing_finished")}</p>}
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
  const { t } = useText();
  return (
    <section className="column" aria-label={t(`status_${status}`)}>
      <h2>
        {t(`status_${status}`)} <span className="muted">{orders.length}</span>
      </h2>
      <ul className="tickets">
        {orders.map((order) => (
          <Ticket key={order.id} order={order}>
            {children(order)}
          </Ticket>
        ))}
      </ul>
      {orders.length === 0 && <p className="empty">{t("column_empty")}</p>}
    </section>
  );
}

function Ticket({ order, children }: { order: Order; children?: ReactNode }) {
  const { t, won, clock } = useText();
  return (
    <li id={`order-${order.id}`} tabIndex={-1} className="card ticket" aria-label={t("order_name", { order: order.id })}>
      <div className="ticket-head">
        <strong className="ticket-table">{t("table_number", { table: order.table_number })}</strong>
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

function LiveSign({ liveness }: { liveness: Liveness }) {
  const { t } = useText();
  return (
    <span className={liveness === "live" ? "live on" : "live"} role="status">
      {t(liveness, { seconds: LOOK_SECONDS_NOT_LIVE })}
    </span>
  );
}

function ChimeSwitch({ chime: { on, toggle } }: { chime: Chime }) {
  const { t } = useText();
  return (
    <button type="button" className="button small toggle" aria-pressed={on} onClick={toggle}>
      <svg viewBox="0 0 24 24" className="bell" aria-hidden="true">
        <path d="M6 17V11a6 6 0 0 1 12 0v6l2 2H4zM10 21h4" />
        {!on && <path d="M3 3l18 18" />}
      </svg>
      {t("sound")}
    </button>
  );
}

/** The kitchen cooks in the order of arrival. */
function oldestFirst(orders: Order[], status: OrderStatus): Order[] {
  return orders.filter((order) => order.status === status).sort((a, b) => a.id - b.id);
}
