import { Alert, type Menu, won } from "@table-order/shared";
import { Stepper } from "./Stepper";

interface CartViewProps {
  lines: { menu: Menu; quantity: number }[];
  total: number;
  problem?: string;
  placing: boolean;
  onQuantity: (menuId: number, quantity: number) => void;
  onOrder: () => void;
}

export function CartView({ lines, total, problem, placing, onQuantity, onOrder }: CartViewProps) {
  if (lines.length === 0) {
    return (
      <p className="empty">
        Your cart is empty.
        <br />
        <span lang="ko">메뉴를 담아 주세요.</span>
      </p>
    );
  }
  return (
    <>
      <ul className="cart-lines">
        {lines.map(({ menu, quantity }) => (
          <li key={menu.id}>
            <span className="cart-name">{menu.name}</span>
            <span className="cart-price">{won(menu.price * quantity)}</span>
            <Stepper
              name={menu.name}
              quantity={quantity}
              onChange={(next) => onQuantity(menu.id, next)}
            />
          </li>
        ))}
      </ul>
      <div className="cart-foot">
        <p className="cart-total">
          <span>
            Total <span lang="ko">합계</span>
          </span>
          <strong>{won(total)}</strong>
        </p>
        {problem && <Alert kind="error">{problem}</Alert>}
        <button type="button" className="button primary wide" disabled={placing} onClick={onOrder}>
          {placing ? "Sending…" : "Place order"}
        </button>
      </div>
    </>
  );
}
