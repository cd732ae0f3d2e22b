import { Alert, type Order, type SignedIn, clock, count, messageOf, won } from "@table-order/shared";
import { useCallback, useEffect, useState } from "react";
import { type TableState, closeTable, fetchTables } from "./api";

interface TablesPageProps {
  call: SignedIn["call"];
  /** The tables are asked for again whenever these change. */
  orders: Order[] | undefined;
}

/** Who sits where, and what they owe. */
export function TablesPage({ call, orders }: TablesPageProps) {
  const [tables, setTables] = useState<TableState[]>();
  const [problem, setProblem] = useState<string>();

  const refresh = useCallback(() => {
    call(fetchTables).then(setTables, (error) => setProblem(messageOf(error)));
  }, [call]);

  useEffect(refresh, [refresh, orders]);

  const close = async (number: number) => {
    setProblem(undefined);
    try {
      await call((token) => closeTable(token, number));
    } catch (error) {
      setProblem(messageOf(error));
    }
    refresh();
  };

  return (
    <>
      <div className="page-title">
        <h1>
          Tables <span lang="ko">테이블</span>
        </h1>
      </div>
      {problem && <Alert kind="error">{problem}</Alert>}
      <ul className="table-grid" aria-label="Tables">
        {tables?.map((table) => (
          <li key={table.number} className="card table-tile" aria-label={`Table ${table.number}`}>
            <h2>Table {table.number}</h2>
            {table.opened_at ? (
              <>
                <p>
                  {count(table.order_count, "order")} since {clock(table.opened_at)}
                </p>
                <strong>{won(table.total)}</strong>
                <button type="button" className="button small" onClick={() => close(table.number)}>
                  Paid and left
                </button>
              </>
            ) : (
              <p className="muted">Free</p>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}
