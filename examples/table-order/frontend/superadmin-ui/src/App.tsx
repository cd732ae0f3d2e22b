import { Brand, LanguageSwitch, LoginGate, Problem, type SignedIn, useText, useTitle } from "@table-order/shared";
import { useCallback, useEffect, useState } from "react";
import { type Store, fetchStores } from "./api";
import { NewStore } from "./NewStore";
import { StoreCard } from "./StoreCard";

export function App() {
  const { t } = useText();
  return (
    <LoginGate role="superadmin" title={t("operator")}>
      {(session) => <Stores session={session} />}
    </LoginGate>
  );
}

function Stores({ session: { call, signOut, username } }: { session: SignedIn }) {
  const { t } = useText();
  const [stores, setStores] = useState<Store[]>();
  const [problem, setProblem] = useState<unknown>();

  useTitle(`${t("brand")} - ${t("operator")}`);

  const refresh = useCallback(
    () => call(fetchStores).then(setStores, setProblem),
    [call],
  );

  useEffect(() => void refresh(), [refresh]);

  return (
    <>
      <header className="topbar">
        <Brand />
        <span className="spacer" />
        <span className="muted">{username}</span>
        <LanguageSwitch />
        <button type="button" className="button quiet small" onClick={() => signOut()}>
          {t("log_out")}
        </button>
      </header>
      <main className="page">
        <div className="page-title">
          <h1>{t("stores")}</h1>
        </div>
        <Problem of={problem} />
        {stores && (
          <div className="split">
            <ul className="stores" aria-label={t("stores")}>
              {stores.map((store) => (
                <StoreCard key={store.id} call={call} store={store} onChanged={refresh} />
              ))}
              {stores.length === 0 && <li className="card empty">{t("no_stores")}</li>}
            </ul>
            <NewStore call={call} onAdded={refresh} />
          </div>
        )}
      </main>
    </>
  );
}
