import { Alert, Brand, LoginGate, type SignedIn, messageOf } from "@table-order/shared";
import { useCallback, useEffect, useState } from "react";
import { type Store, fetchStores } from "./api";
import { NewStore } from "./NewStore";
import { StoreCard } from "./StoreCard";

export function App() {
  return (
    <LoginGate role="superadmin" title="Operator">
      {(session) => <Stores session={session} />}
    </LoginGate>
  );
}

function Stores({ session: { call, signOut, username } }: { session: SignedIn }) {
  const [stores, setStores] = useState<Store[]>();
  const [problem, setProblem] = useState<string>();

  const refresh = useCallback(
    () => call(fetchStores).then(setStores, (error) => setProblem(messageOf(error))),
    [call],
  );

  useEffect(() => void refresh(), [refresh]);

  return (
    <>
      <header className="topbar">
        <Brand />
        <span className="spacer" />
        <span className="muted">{username}</span>
        <button type="button" className="button quiet small" onClick={() => signOut()}>
          Log out
        </button>
      </header>
      <main className="page">
        <div className="page-title">
          <h1>
            Stores <span lang="ko">매장</span>
          </h1>
        </div>
        {problem && <Alert kind="error">{problem}</Alert>}
        {stores && (
          <div className="split">
            <ul className="stores" aria-label="Stores">
              {stores.map((store) => (
                <StoreCard key={store.id} call={call} store={store} />
              ))}
              {stores.length === 0 && <li className="card empty">There is no store yet.</li>}
            </ul>
            <NewStore call={call} onAdded={refresh} />
          </div>
        )}
      </main>
    </>
  );
}
