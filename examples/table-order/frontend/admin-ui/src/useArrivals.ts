import type { Order } from "@table-order/shared";
import { useEffect, useRef, useState } from "react";

const NONE: Order[] = [];

/** The orders that came in last, once the page had been opened; another list each time that some come in. */
export function useArrivals(orders: Order[] | undefined): Order[] {
  const newest = useRef<number>(undefined);
  const [arrived, setArrived] = useState(NONE);

  useEffect(() => {
    if (!orders) return;
    const highest = Math.max(0, ...orders.map(({ id }) => id));
    const since = orders.filter(({ id }) => id > (newest.current ?? highest));
    newest.current = Math.max(highest, newest.current ?? 0);
    if (since.length > 0) setArrived(since);
  }, [orders]);

  return arrived;
}
