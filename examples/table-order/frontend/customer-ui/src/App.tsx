import { Alert, ApiError, Brand, type Category, count, messageOf, won } from "@table-order/shared";
import { useEffect, useMemo, useState } from "react";
import { type MenuBoard, fetchMenuBoard, placeOrder } from "./api";
import { CartView } from "./CartView";
import { useCart } from "./cart";
import { MenuList } from "./MenuList";
import { OrdersView } from "./OrdersView";
import { tableFromAddress, useTableCode } from "./table";
import { useOrders } from "./useOrders";

type PanelView = "cart" | "orders";

const table = tableFromAddress(window.location.search);

export function App() {
  const [board, setBoard] = useState<MenuBoard>();
  const [problem, setProblem] = useState<string>();
  const cart = useCart(`table-order-cart-${table.storeId}-${table.number}`);
  const orders = useOrders(table);
  const { code, forget } = useTableCode(table);
  const [view, setView] = useState<PanelView>("cart");
  const [panelOpen, setPanelOpen] = useState(false);
  const [placing, setPlacing] = useState(false);
  const [orderProblem, setOrderProblem] = useState<string>();

  const readBoard = () =>
    fetchMenuBoard(table.storeId).then(setBoard, (error) => setProblem(messageOf(error)));

  useEffect(() => void readBoard(), []);

  const lines = useMemo(() => cartLines(board?.categories ?? [], cart.quantities), [board, cart.quantities]);
  const total = lines.reduce((sum, { menu, quantity }) => sum + menu.price * quantity, 0);
  const pieces = lines.reduce((sum, { quantity }) => sum + quantity, 0);

  const show = (next: PanelView) => {
    setView(next);
    setPanelOpen(true);
  };

  const order = async () => {
    if (code === null) return;
    setPlacing(true);
    setOrderProblem(undefined);
    try {
      const items = lines.map(({ menu, quantity }) => ({ menu_id: menu.id, quantity, unit_price: menu.price }));
      orders.add(await placeOrder(table, code, items, cart.idempotencyKey));
      cart.clear();
      setView("orders");
    } catch (error) {
      // Another code than the table's, which was renewed: the page says so instead of offering to order.
      if (error instanceof ApiError && error.status === 403) {
        forget();
        setPanelOpen(false);
        return;
      }
      setOrderProblem(messageOf(error));
      // Sold out, or another price: the cart then shows what can be ordered, and what it costs now.
      if (error instanceof ApiError && error.status === 409) await readBoard();
    } finally {
      setPlacing(false);
    }
  };

  return (
    <div className="shop" onKeyDown={(event) => event.key === "Escape" && setPanelOpen(false)}>
      <header className="shop-header">
        <Brand />
        <div className="shop-title">
          <h1>{board?.store_name ?? "\u00a0"}</h1>
          {code !== null && (
            <p className="table-sign">
              Table {table.number} <span lang="ko">{table.number}번 테이블</span>
            </p>
          )}
        </div>
      </header>

      <main className="shop-main">
        {problem && <Alert kind="error">{problem}</Alert>}
        {code === null && (
          <Alert kind="info">
            Scan the code at your table to order. <span lang="ko">주문하려면 테이블의 QR 코드를 스캔해 주세요.</span>
          </Alert>
        )}
        {!board && !problem && <p className="empty">Loading the menu…</p>}
        {board && (
          <MenuList
            board={board}
            quantities={cart.quantities}
            onQuantity={code === null ? undefined : cart.setQuantity}
          />
        )}
      </main>

      {code !== null && (
        <>
          {panelOpen && <div className="backdrop" onClick={() => setPanelOpen(false)} />}
          <aside className={panelOpen ? "panel open" : "panel"} aria-label="Your table">
            <div className="panel-head">
              <div className="tabs" role="tablist" aria-label="Cart and orders">
                <PanelTab view="cart" current={view} onSelect={setView} label="Cart" />
                <PanelTab view="orders" current={view} onSelect={setView} label="My orders" />
              </div>
              <button
                type="button"
                className="button quiet small panel-close"
                onClick={() => setPanelOpen(false)}
              >
                Close
              </button>
            </div>
            <div className="panel-body" role="tabpanel" id="panel" aria-labelledby={`tab-${view}`}>
              {view === "cart" ? (
                <CartView
                  lines={lines}
                  total={total}
                  problem={orderProblem}
                  placing={placing}
                  onQuantity={cart.setQuantity}
                  onOrder={order}
                />
              ) : (
                <OrdersView orders={orders.list} problem={orders.problem} justPlaced={orders.justPlaced} />
              )}
            </div>
          </aside>

          <nav className="bottom-bar" aria-label="Cart and orders">
            <button type="button" className="button" onClick={() => show("orders")}>
              My orders
            </button>
            <button
              type="button"
              className="button primary"
              aria-label={`Cart, ${count(pieces, "item")}, ${won(total)}`}
              onClick={() => show("cart")}
            >
              {pieces === 0 ? "Cart" : `Cart · ${pieces} · ${won(total)}`}
            </button>
          </nav>
        </>
      )}
    </div>
  );
}

interface PanelTabProps {
  view: PanelView;
  current: PanelView;
  label: string;
  onSelect: (view: PanelView) => void;
}

function PanelTab({ view, current, label, onSelect }: PanelTabProps) {
  return (
    <button
      type="button"
      role="tab"
      id={`tab-${view}`}
      aria-controls="panel"
      aria-selected={view === current}
      onClick={() => onSelect(view)}
    >
      {label}
    </button>
  );
}

/** A menu that has left the menu since it was put into the cart is left out. */
function cartLines(categories: Category[], quantities: Record<number, number>) {
  return categories
    .flatMap(({ menus }) => menus)
    .filter((menu) => quantities[menu.id] && menu.is_available)
    .map((menu) => ({ menu, quantity: quantities[menu.id]! }));
}
