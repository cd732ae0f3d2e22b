import { Alert, type Order, StatusChip, clock, won } from "@table-order/shared";

interface OrdersViewProps {
  orders: Order[];
  problem?: string;
  /** The order that was placed on this page last; the thanks for it stay until the kitchen begins. */
  justPlaced?: number;
}

export function OrdersView({ orders, problem, justPlaced }: OrdersViewProps) {
  const waiting = orders.some(({ id, status }) => id === justPlaced && status === "pending");
  return (
    <>
      {problem && <Alert kind="error">{problem}</Alert>}
      {waiting && (
        <Alert kind="success">
          Thank you! Order #{justPlaced} has been received. <span lang="ko">감사합니다.</span>
        </Alert>
      )}
      {orders.length === 0 && !problem && (
        <p className="empty">
          No orders yet.
          <br />
          <span lang="ko">아직 주문이 없습니다.</span>
        </p>
      )}
      <ul className="orders" aria-label="My orders">
        {orders.map((order) => (
          <li key={order.id} className="order" aria-label={`Order ${order.id}`}>
            <div className="order-head">
              <h3>Order #{order.id}</h3>
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
