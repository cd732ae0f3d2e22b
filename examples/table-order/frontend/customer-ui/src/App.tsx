import {
  Alert,
  Announcer,
  ApiError,
  Brand,
  type Category,
  LanguageSwitch,
  Problem,
  useText,
  useTitle,
} from "@table-order/shared";
import { useEffect, useMemo, useState } from "react";
import { type MenuBoard, fetchMenuBoard, placeOrder } from "./api";
import { CartView } from "./CartView";
import { useCart } from "./cart";
import { MenuList } from "./MenuList";
import { OrdersView } from "./OrdersView";
import { Panel, Tabs } from "./Panel";
import { tableFromAddress, useTableCode } from "./table";
import { useNews } from "./useNews";
import { useOrders } from "./useOrders";

type PanelView = "cart" | "orders";

const table = tableFromAddress(window.location.search);

export function App() {
  const { t, won } = useText();
  const [board, setBoard] = useState<MenuBoard>();
  const [problem, setProblem] = useState<unknown>();
  const cart = useCart(`table-order-cart-${table.storeId}-${table.number}`);
  const orders = useOrders(table);
  const { code, forget } = useTableCode(table);
  const [view, setView] = useState<PanelView>("cart");
  const [panelOpen, setPanelOpen] = useState(false);
  const [placing, setPlacing] = useState(false);
  const [orderProblem, setOrderProblem] = useState<unknown>();

  useTitle(board ? `${t("brand")} - ${board.store_name}` : t("brand"));

  const readBoard = () =>
    fetchMenuBoard(table.storeId).then(setBoard, setProblem);

  useEffect(() => void readBoard(), []);

  const lines = useMemo(() => cartLines(board?.categories ?? [], cart.quantities), [board, cart.quantities]);
  const total = lines.reduce((sum, { menu, quantity }) => sum + menu.price * quantity, 0);
  const pieces = lines.reduce((sum, { quantity }) => sum + quantity, 0);

  const news = useNews(orders.list);
  const said = news && t("order_now", { order: news.id, status: t(`status_${news.status}`) });

  const show = (next: PanelView) => {
    setView(next);
    setPanelOpen(true);
  };

  const order = async () => {
    if (code === null || placing) return;
    setPlacing(true);
    setOrderProblem(undefined);
    try {
      const items = lines.map(({ menu, quantity }) => ({ menu_id: menu.id, quantity, unit_price: menu.price }));
      orders.add(await placeOrder(table, code, items, cart.idempotencyKey));
      cart.clear();
      setView("orders");
      // The button that was pressed is gone with the cart.
      document.getElementById("panel")?.focus();
    } catch (error) {
      // Another code than the table's, which was renewed: the page says so instead of offering to order.
      if (error instanceof ApiError && error.status === 403) {
        forget();
        setPanelOpen(false);
        return;
      }
      setOrderProblem(error);
      // Sold out, gone, or another price: the cart then shows what can be ordered, and what it costs now.
      if (error instanceof ApiError && [404, 409].includes(error.status)) await readBoard();
    } finally {
      setPlacing(false);
    }
  };

  return (
    <div className="shop">
      <header className="shop-header">
        <div className="shop-top">
          <Brand />
          <LanguageSwitch />
        </div>
        <div className="shop-title">
          <h1>{board?.store_name ?? "\u00a0"}</h1>
          {code !== null && (
            <p className="table-sign">{t("table_number", { table: table.number })}</p>
          )}
        </div>
      </header>

      <main className="shop-main">
        <Problem of={problem} />
        <Alert kind="info">{code === null && t("scan_code")}</Alert>
        {!board && problem === undefined && <p className="empty">{t("loading_menu")}</p>}
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
          <Panel label={t("your_table")} open={panelOpen} onClose={() => setPanelOpen(false)}>
            <div className="panel-head">
              <Tabs
                label={t("cart_and_orders")}
                tabs={{ cart: t("cart"), orders: t("my_orders") }}
                current={view}
                onSelect={setView}
              />
              <button
                type="button"
                className="button quiet small panel-close"
                onClick={() => setPanelOpen(false)}
              >
                {t("close")}
              </button>
            </div>
            <div className="panel-body" role="tabpanel" id="panel" tabIndex={0} aria-labelledby={`tab-${view}`}>
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
            {panelOpen && <Announcer>{said}</Announcer>}
          </Panel>
          <Announcer>{said}</Announcer>

          <nav className="bottom-bar" aria-label={t("cart_and_orders")}>
            <button type="button" className="button" onClick={() => show("orders")}>
              {t("my_orders")}
            </button>
            <button
              type="button"
              className="button primary"
              aria-label={t("cart_label", { count: pieces, total: won(total) })}
              onClick={() => show("cart")}
            >
              {pieces === 0 ? t("cart") : t("cart_short", { count: pieces, total: won(total) })}
            </button>
          </nav>
        </>
      )}
    </div>
  );
}

/** A menu that has left the menu since it was put into the cart is left out. */
function cartLines(categories: Category[], quantities: Record<number, number>) {
  return categories
    .flatMap(({ menus }) => menus)
    .filter((menu) => quantities[menu.id] && menu.is_available)
    .map((menu) => ({ menu, quantity: quantities[menu.id]! }));
}
