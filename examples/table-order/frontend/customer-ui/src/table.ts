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

function positive(value: string | null): number {
  const number = Number(value);
  return Number.isInteger(number) && number > 0 ? number : 1;
}
