import { Announcer, Brand, LanguageSwitch, LoginGate, type SignedIn, useText, useTitle } from "@table-order/shared";
import { useEffect, useState } from "react";
import { type Store as StoreIdentity, fetchStore } from "./api";
import { MenusPage } from "./MenusPage";
import { OrdersPage } from "./OrdersPage";
import { TablesPage } from "./TablesPage";
import { useArrivals } from "./useArrivals";
import { useChime } from "./useChime";
import { useLiveOrders } from "./useLiveOrders";

const PAGES = ["orders", "menus", "tables"] as const;

type Page = (typeof PAGES)[number];

export function App() {
  const { t } = useText();
  return (
    <LoginGate role="admin" title={t("store_administration")}>
      {(session) => <Store session={session} />}
    </LoginGate>
  );
}

/** The stream of orders stays open on every page: the number of new orders in the tab's title is always right. */
function Store({ session: { call, signOut } }: { session: SignedIn }) {
  const { t } = useText();
  const page = usePage();
  const [store, setStore] = useState<StoreIdentity>();
  const live = useLiveOrders(call);
  const waiting = live.orders?.filter(({ status }) => status === "pending").length ?? 0;

  const arrived = useArrivals(live.orders);
  const chime = useChime();
  const { ring } = chime;

  useEffect(() => {
    if (arrived.length > 0) ring();
  }, [arrived, ring]);

  useEffect(() => {
    // Without its name the page works as well; what is wrong is said by the page itself.
    call(fetchStore).then(setStore, () => undefined);
  }, [call]);

  useTitle(`${waiting > 0 ? `(${waiting}) ` : ""}${t("brand")} - ${t("store_administration")}`);

  return (
    <>
      <header className="topbar">
        <Brand />
        <span className="store-name second-row">{store?.name}</span>
        <span className="spacer" />
        <nav className="pages second-row" aria-label={t("pages")}>
          {PAGES.map((name) => (
            <a key={name} href={`#${name}`} aria-current={name === page ? "page" : undefined}>
              {t(`page_${name}`)}
            </a>
          ))}
        </nav>
        <LanguageSwitch />
        <button type="button" className="button quiet small" onClick={() => signOut()}>
          {t("log_out")}
        </button>
      </header>
      <Announcer>
        {arrived.length > 0 &&
          t("new_orders", { count: arrived.length, tables: arrived.map((order) => order.table_number).join(", ") })}
      </Announcer>
      <main className="page">
        {page === "orders" && <OrdersPage call={call} live={live} chime={chime} />}
        {page === "menus" && <MenusPage call={call} />}
        {page === "tables" && <TablesPage call={call} orders={live.orders} store={store} />}
      </main>
    </>
  );
}

/** The page that the address names after its `#`. */
function usePage(): Page {
  const [page, setPage] = useState<Page>(pageFromAddress);
  useEffect(() => {
    const read = () => setPage(pageFromAddress());
    window.addEventListener("hashchange", read);
    return () => window.removeEventListener("hashchange", read);
  }, []);
  return page;
}

function pageFromAddress(): Page {
  const name = window.location.hash.slice(1);
  return PAGES.find((page) => page === name) ?? "orders";
}
