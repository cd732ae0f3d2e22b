import type { Order } from "@table-order/shared";
import { useCallback, useEffect, useState } from "react";
import { fetchOrders } from "./api";
import type { Table } from "./table";

const REFRESH_MS = 5_000;

/** The table's orders, newest first; asked for again every few seconds while the page is being looked at. */
export function useOrders(table: Table) {
  const [list, setList] = useState<Order[]>([]);
  const [problem, setProblem] = useState<unknown>();
  const [justPlaced, setJustPlaced] = useState<number>();

  useEffect(() => {
    const refresh = async () => {
      try {
        setList(await fetchOrders(table));
        setProblem(undefined);
      } catch (error) {
        setProblem(error);
      }
    };
    const refreshIfVisible = () => {
      if (document.visibilityState === "visible") void refresh();
    };
    void refresh();
    const timer = window.setInterval(refreshIfVisible, REFRESH_MS);
    document.addEventListener("visibilitychange", refreshIfVisible);
    return () => {
      window.clearInterval(timer);
      document.removeEventListener("visibilitychange", refreshIfVisible);
    };
  }, [table]);

  const add = useCallback((order: Order) => {
    setJustPlaced(order.id);
    setList((orders) => [order, ...orders.filter(({ id }) => id !== order.id)]);
  }, []);

  return { list, problem, justPlaced, add };
}
