import type { Order, OrderStatus } from "@table-order/shared";
import { useEffect, useRef, useState } from "react";

/** The order whose status changed last since the page was opened. */
export function useNews(orders: Order[]): Order | undefined {
  const before = useRef(new Map<number, OrderStatus>());
  const [news, setNews] = useState<Order>();

  useEffect(() => {
    const changed = orders.find(({ id, status }) => (before.current.get(id) ?? status) !== status);
    before.current = new Map(orders.map(({ id, status }) => [id, status]));
    if (changed) setNews(changed);
  }, [orders]);

  return news;
}
