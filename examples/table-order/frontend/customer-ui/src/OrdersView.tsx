import { Alert, type Order, Problem, StatusChip, useText } from "@table-order/shared";

interface OrdersViewProps {
  orders: Order[];
  problem?: unknown;
  /** The order that was placed on this page last; the thanks for it stay until the kitchen begins. */
  justPlaced?: number;
}

export function OrdersView({ orders, problem, justPlaced }: OrdersViewProps) {
  const { t, won, clock } = useText();
  const waiting = orders.some(({ id, status }) => id === justPlaced && status === "pending");
  return (
    <>
      <Problem of={problem} />
      <Alert kind="success">{waiting && t("order_thanks", { order: justPlaced! })}</Alert>
      {orders.length === 0 && problem === undefined && <p className="empty">{t("no_orders")}</p>}
      <ul className="orders" aria-label={t("my_orders")}>
        {orders.map((order) => (
          <li key={order.id} className="order" aria-label={t("order_name", { order: order.id })}>
            <div className="order-head">
              <h3>{t("order_name", { order: `#${order.id}` })}</h3>
              <time className="muted" dateTime={order.created_at}>
                {clock(order.created_at)}
              </time>
              <StatusChip status={order.status} />
            </div>
            <ul>
              {order.items.map((item) => (
                <li key={item.menu_id} className="order-item">
                  <span>{item.menu_name}</span>
                  <span className="muted">× {item.quantity}</span>
                </li>
              ))}
            </ul>
            <p className="order-total">{won(order.total)}</p>
          </li>
        ))}
      </ul>
    </>
  );
}
