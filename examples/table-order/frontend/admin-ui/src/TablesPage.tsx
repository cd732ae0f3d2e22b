import { Alert, type Order, type SignedIn, clock, count, messageOf, won } from "@table-order/shared";
import { useCallback, useEffect, useState } from "react";
import { type Store, type TableState, closeTable, fetchTables, renewCode } from "./api";
import { TableCode, tableLink } from "./TableCode";

interface TablesPageProps {
  call: SignedIn["call"];
  /** The tables are asked for again whenever these change. */
  orders: Order[] | undefined;
  store: Store | undefined;
}

/** Who sits where, what they owe, and the code with which they order. */
export function TablesPage({ call, orders, store }: TablesPageProps) {
  const [tables, setTables] = useState<TableState[]>();
  const [problem, setProblem] = useState<string>();
  const [printed, setPrinted] = useState<TableState[]>([]);

  const refresh = useCallback(
    () => call(fetchTables).then(setTables, (error) => setProblem(messageOf(error))),
    [call],
  );

  useEffect(() => void refresh(), [refresh, orders]);

  useEffect(() => {
    if (printed.length > 0) window.print();
  }, [printed]);

  const run = async (change: (token: string) => Promise<unknown>) => {
    setProblem(undefined);
    try {
      await call(change);
    } catch (error) {
      setProblem(messageOf(error));
    }
    await refresh();
  };

  const renew = (number: number) => {
    if (window.confirm(`Give table ${number} a new code? The printed one orders nothing from then on.`)) {
      void run((token) => renewCode(token, number));
    }
  };

  return (
    <>
      <div className="page-title">
        <h1>
          Tables <span lang="ko">테이블</span>
        </h1>
        {store && tables && (
          <button type="button" className="button small" onClick={() => setPrinted([...tables])}>
            Print all codes
          </button>
        )}
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
                <button
                  type="button"
                  className="button small"
                  onClick={() => run((token) => closeTable(token, table.number))}
                >
                  Paid and left
                </button>
              </>
            ) : (
              <p className="muted">Free</p>
            )}
            {store && (
              <CodeOfTable
                store={store}
                table={table}
                onPrint={() => setPrinted([table])}
                onRenew={() => renew(table.number)}
              />
            )}
          </li>
        ))}
      </ul>
      {store && (
        <div className="print-sheet" aria-hidden="true">
          {printed.map((table) => (
            <div key={table.number} className="print-code">
              <strong>{store.name}</strong>
              <TableCode store={store} table={table} />
              <strong>
                Table {table.number} <span lang="ko">{table.number}번 테이블</span>
              </strong>
            </div>
          ))}
        </div>
      )}
    </>
  );
}

interface CodeOfTableProps {
  store: Store;
  table: TableState;
  onPrint: () => void;
  onRenew: () => void;
}

function CodeOfTable({ store, table, onPrint, onRenew }: CodeOfTableProps) {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>QR code</summary>
      {open && (
        <div className="table-code">
          <TableCode store={store} table={table} />
          <a href={tableLink(store, table)} target="_blank" rel="noreferrer">
            Open the table's page
          </a>
          <button type="button" className="button small" onClick={onPrint}>
            Print
          </button>
          <button type="button" className="button small quiet" onClick={onRenew}>
            New code
          </button>
        </div>
      )}
    </details>
  );
}
