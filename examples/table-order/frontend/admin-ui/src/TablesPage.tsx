import { type Order, Problem, type SignedIn, useConfirm, useText } from "@table-order/shared";
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
  const { t, won, clock } = useText();
  const [tables, setTables] = useState<TableState[]>();
  const [problem, setProblem] = useState<unknown>();
  const [printed, setPrinted] = useState<TableState[]>([]);

  const [ask, confirmation] = useConfirm();

  const refresh = useCallback(
    () => call(fetchTables).then(setTables, setProblem),
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
      setProblem(error);
    }
    await refresh();
  };

  const renew = (number: number) =>
    ask({
      text: t("confirm_renew", { table: number }),
      action: t("new_code"),
      onConfirm: () => void run((token) => renewCode(token, number)),
    });

  return (
    <>
      <div className="page-title">
        <h1>{t("page_tables")}</h1>
        {store && tables && (
          <button type="button" className="button small" onClick={() => setPrinted([...tables])}>
            {t("print_all")}
          </button>
        )}
      </div>
      <Problem of={problem} />
      {confirmation}
      <ul className="table-grid" aria-label={t("page_tables")}>
        {tables?.map((table) => (
          <li key={table.number} className="card table-tile" aria-label={t("table_number", { table: table.number })}>
            <h2>{t("table_number", { table: table.number })}</h2>
            {table.opened_at ? (
              <>
                <p>{t("orders_since", { count: table.order_count, time: clock(table.opened_at) })}</p>
                <strong>{won(table.total)}</strong>
                <button
                  type="button"
                  className="button small"
                  onClick={() => run((token) => closeTable(token, table.number))}
                >
                  {t("paid_and_left")}
                </button>
              </>
            ) : (
              <p className="muted">{t("free")}</p>
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
              <strong>{t("table_number", { table: table.number })}</strong>
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
  const { t } = useText();
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t("qr_code")}</summary>
      {open && (
        <div className="table-code">
          <TableCode store={store} table={table} />
          <a href={tableLink(store, table)} target="_blank" rel="noreferrer">
            {t("open_table_page")}
          </a>
          <button type="button" className="button small" onClick={onPrint}>
            {t("print")}
          </button>
          <button type="button" className="button small quiet" onClick={onRenew}>
            {t("new_code")}
          </button>
        </div>
      )}
    </details>
  );
}
