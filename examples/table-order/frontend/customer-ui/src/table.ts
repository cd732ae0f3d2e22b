import { useCallback, useEffect, useState } from "react";

export interface Table {
  storeId: number;
  number: number;
}

/** Reads `?store=1&table=3`, which is what the QR code on each table says; without it, store 1 and table 1. */
export function tableFromAddress(search: string): Table {
  const parameters = new URLSearchParams(search);
  return {
    storeId: positive(parameters.get("store")),
    number: positive(parameters.get("table")),
  };
}

/**
 * The table's code, which the QR code carries behind the address's `#`: that part is sent to no server and is in no log.
 * It is kept for this tab and taken out of the address, which is what people pass on. `forget` when it is refused.
 */
export function useTableCode(table: Table): { code: string | null; forget: () => void } {
  const key = `table-order-code-${table.storeId}-${table.number}`;
  const [code, setCode] = useState(() => takeCode(key));

  useEffect(() => {
    // A code that is scanned while the page is open changes nothing but the part behind the `#`.
    const read = () => setCode(takeCode(key));
    window.addEventListener("hashchange", read);
    return () => window.removeEventListener("hashchange", read);
  }, [key]);

  const forget = useCallback(() => {
    sessionStorage.removeItem(key);
    setCode(null);
  }, [key]);
  return { code, forget };
}

function takeCode(key: string): string | null {
  const scanned = new URLSearchParams(window.location.hash.slice(1)).get("code");
  if (scanned) {
    sessionStorage.setItem(key, scanned);
    window.history.replaceState(null, "", window.location.pathname + window.location.search);
  }
  return sessionStorage.getItem(key);
}

function positive(value: string | null): number {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number : 1;
}
