import type { Order, SignedIn } from "@table-order/shared";
import { useCallback, useEffect, useRef, useState } from "react";
import { STREAM_ADDRESS, allowStream, fetchOrders } from "./api";

/** Each page waits for a time of its own: a deployment ends all streams at once. */
const reconnectMs = () => 500 + Math.random() * 2_000;
/** What no event has told (a server that died between an order and its event) is seen after so long at most. */
const LOOK_MS = 30_000;
/** The same while the server has said that events may be missing. */
export const LOOK_SECONDS_NOT_LIVE = 5;

/** live: what is shown is what the kitchen has to do; not_live: the server cannot tell each change; connecting: no stream is open. */
export type Liveness = "live" | "not_live" | "connecting";

export interface LiveOrders {
  orders: Order[] | undefined;
  liveness: Liveness;
  problem?: unknown;
  refresh: () => void;
}

/**
 * The store's orders, kept up to date by the API's event stream. An event only says that something changed, the list
 * is then asked for again; and so it is whenever the stream (re)opens. Nothing that happened while it was down is
 * missed, and events that overtake each other do no harm. A slow look finds what no event has told; it is less slow while
 * the server itself says that it may miss changes.
 */
export function useLiveOrders(call: SignedIn["call"]): LiveOrders {
  const [orders, setOrders] = useState<Order[]>();
  const [problem, setProblem] = useState<unknown>();
  const [liveness, setLiveness] = useState<Liveness>("connecting");
  const fetching = useRef<"no" | "yes" | "again">("no");

  const refresh = useCallback(() => {
    const run = async () => {
      fetching.current = "yes";
      try {
        setOrders(await call(fetchOrders));
        setProblem(undefined);
      } catch (error) {
        setProblem(error);
      }
      // Something changed while the answer was on its way: it may be too old.
      const again = (fetching.current as string) === "again";
      fetching.current = "no";
      if (again) void run();
    };
    if (fetching.current === "no") void run();
    else fetching.current = "again";
  }, [call]);

  useEffect(() => {
    let ended = false;
    let source: EventSource | undefined;
    let timer: number | undefined;

    const reconnectLater = () => {
      setLiveness("connecting");
      if (!ended) timer = window.setTimeout(() => void connect(), reconnectMs());
    };
    const connect = async () => {
      try {
        await call(allowStream);
        if (ended) return;
        source = new EventSource(STREAM_ADDRESS);
      } catch (error) {
        setProblem(error);
        reconnectLater();
        return;
      }
      source.onopen = refresh;
      source.addEventListener("live", ({ data }) => setLiveness(data === "true" ? "live" : "not_live"));
      source.addEventListener("order_created", refresh);
      source.addEventListener("order_updated", refresh);
      // The browser would try again with the same cookie, which is short-lived: ask for a new one instead.
      source.onerror = () => {
        source?.close();
        reconnectLater();
      };
    };
    refresh();
    void connect();
    window.addEventListener("online", refresh);
    return () => {
      ended = true;
      source?.close();
      window.clearTimeout(timer);
      window.removeEventListener("online", refresh);
    };
  }, [call, refresh]);

  useEffect(() => {
    const look = window.setInterval(refresh, liveness === "not_live" ? LOOK_SECONDS_NOT_LIVE * 1_000 : LOOK_MS);
    return () => window.clearInterval(look);
  }, [liveness, refresh]);

  return { orders, liveness, problem, refresh };
}
