import { useText } from "@table-order/shared";
import { useMemo } from "react";
import qrcode from "qrcode-generator";
import type { Store, TableState } from "./api";

/** Dots of white that a reader needs around a QR code. */
const MARGIN = 4;

/** The link that a table's QR code carries. What is behind its `#` is sent to no server, so the code is in no log. */
export function tableLink(store: Store, table: TableState): string {
  return `${window.location.origin}/?store=${store.id}&table=${table.number}#code=${table.code}`;
}

export function TableCode({ store, table }: { store: Store; table: TableState }) {
  const { t } = useText();
  const link = tableLink(store, table);
  const { size, path } = useMemo(() => draw(link), [link]);
  return (
    <svg className="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={t("qr_code_of", { table: table.number })}>
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" shapeRendering="crispEdges" />
    </svg>
  );
}

/** The dark dots as one path: a square of 1 x 1 for each. */
function draw(text: string): { size: number; path: string } {
  const code = qrcode(0, "M");
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  const dots = Array.from({ length: count * count }, (_, dot) => [Math.floor(dot / count), dot % count] as const);
  const path = dots
    .filter(([row, column]) => code.isDark(row, column))
    .map(([row, column]) => `M${column + MARGIN} ${row + MARGIN}h1v1h-1z`)
    .join("");
  return { size: count + 2 * MARGIN, path };
}
