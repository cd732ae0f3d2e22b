import { type Menu, Problem, useText } from "@table-order/shared";
import { Stepper } from "./Stepper";

interface CartViewProps {
  lines: { menu: Menu; quantity: number }[];
  total: number;
  problem?: unknown;
  placing: boolean;
  onQuantity: (menuId: number, quantity: number) => void;
  onOrder: () => void;
}

export function CartView({ lines, total, problem, placing, onQuantity, onOrder }: CartViewProps) {
  const { t, won } = useText();
  if (lines.length === 0) {
    return <p className="empty">{t("cart_empty")}</p>;
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
          <span>{t("total")}</span>
          <strong>{won(total)}</strong>
        </p>
        <Problem of={problem} />
        <button type="button" className="button primary wide" aria-disabled={placing} onClick={onOrder}>
          {placing ? t("sending") : t("place_order")}
        </button>
      </div>
    </>
  );
}
