import { useText } from "./language";
import type { OrderStatus } from "./types";

const COLOURS: Record<OrderStatus, string> = {
  pending: "gold",
  preparing: "blue",
  completed: "green",
  cancelled: "red",
};

/** How each status is called and coloured, for customers and for the kitchen. */
export function StatusChip({ status }: { status: OrderStatus }) {
  const { t } = useText();
  return <span className={`chip ${COLOURS[status]}`}>{t(`status_${status}`)}</span>;
}
