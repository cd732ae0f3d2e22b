import { useText } from "@table-order/shared";
import { MOST_OF_ONE_MENU } from "./cart";

interface StepperProps {
  name: string;
  quantity: number;
  onChange: (quantity: number) => void;
}

/** One fewer, how many, one more. */
export function Stepper({ name, quantity, onChange }: StepperProps) {
  const { t } = useText();
  return (
    <div className="stepper" role="group" aria-label={t("quantity_of", { name })}>
      <button type="button" aria-label={t("one_fewer", { name })} onClick={() => onChange(quantity - 1)}>
        −
      </button>
      <output>{quantity}</output>
      <button
        type="button"
        aria-label={t("one_more", { name })}
        disabled={quantity >= MOST_OF_ONE_MENU}
        onClick={() => onChange(quantity + 1)}
      >
        +
      </button>
    </div>
  );
}
