import { MOST_OF_ONE_MENU } from "./cart";

interface StepperProps {
  name: string;
  quantity: number;
  onChange: (quantity: number) => void;
}

/** One fewer, how many, one more. */
export function Stepper({ name, quantity, onChange }: StepperProps) {
  return (
    <div className="stepper" role="group" aria-label={`Quantity of ${name}`}>
      <button type="button" aria-label={`One ${name} fewer`} onClick={() => onChange(quantity - 1)}>
        −
      </button>
      <output>{quantity}</output>
      <button
        type="button"
        aria-label={`One ${name} more`}
        disabled={quantity >= MOST_OF_ONE_MENU}
        onClick={() => onChange(quantity + 1)}
      >
        +
      </button>
    </div>
  );
}
