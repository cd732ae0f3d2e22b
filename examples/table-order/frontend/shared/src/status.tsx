import type { OrderStatus } from "./types";

/** How each status is called and coloured, for customers and for the kitchen. */
export const STATUS: Record<OrderStatus, { label: string; korean: string; colour: string }> = {
  pending: { label: "Received", korean: "접수", colour: "gold" },
  preparing: { label: "Preparing", korean: "조리 중", colour: "blue" },
  completed: { label: "Served", korean: "완료", colour: "green" },
  cancelled: { label: "Cancelled", korean: "취소", colour: "red" },
};

export function StatusChip({ status }: { status: OrderStatus }) {
  const { label, korean, colour } = STATUS[status];
  return (
    <span className={`chip ${colour}`}>
      {label}&nbsp;<span lang="ko">{korean}</span>
    </span>
  );
}
