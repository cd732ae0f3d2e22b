import { Alert, Field, type SignedIn, count, messageOf } from "@table-order/shared";
import { type FormEvent, useCallback, useEffect, useState } from "react";
import { type Admin, type Store, createAdmin, fetchAdmins } from "./api";

interface StoreCardProps {
  call: SignedIn["call"];
  store: Store;
}

/** A store, who administers it, and a form for another administrator. */
export function StoreCard({ call, store }: StoreCardProps) {
  const [admins, setAdmins] = useState<Admin[]>();
  const [problem, setProblem] = useState<string>();

  const refresh = useCallback(
    () =>
      call((token) => fetchAdmins(token, store.id)).then(setAdmins, (error) => setProblem(messageOf(error))),
    [call, store.id],
  );

  useEffect(() => void refresh(), [refresh]);

  return (
    <li className="card store" aria-label={store.name}>
      <div className="store-head">
        <h2>{store.name}</h2>
        <span className={store.is_active ? "chip green" : "chip"}>{store.is_active ? "Open" : "Closed"}</span>
      </div>
      <p className="muted">
        Store {store.id} · {count(store.table_count, "table")} ·{" "}
        <a href={`/?store=${store.id}`}>Menu</a>
      </p>
      {problem && <Alert kind="error">{problem}</Alert>}
      {admins && (
        <p>
          <span className="muted">{admins.length === 0 ? "No administrator yet" : "Administrators:"}</span>{" "}
          {admins.map(({ username }) => username).join(", ")}
        </p>
      )}
      <details>
        <summary>Add an administrator</summary>
        <NewAdmin call={call} store={store} onAdded={refresh} />
      </details>
    </li>
  );
}

function NewAdmin({ call, store, onAdded }: StoreCardProps & { onAdded: () => Promise<void> }) {
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
  const [added, setAdded] = useState<string>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    setAdded(undefined);
    try {
      const admin = await call((token) => createAdmin(token, store.id, username, password));
      setAdded(admin.username);
      setUsername("");
      setPassword("");
      await onAdded();
    } catch (error) {
      setProblem(messageOf(error));
    }
    setBusy(false);
  };

  return (
    <form className="admin-form" aria-label={`Add an administrator to ${store.name}`} onSubmit={submit}>
      <Field
        label="Username"
        value={username}
        onChange={setUsername}
        autoComplete="off"
        pattern="[A-Za-z0-9._\-]{3,50}"
        hint="3 to 50 letters, digits, dots, dashes or underscores"
        required
      />
      <Field
        label="Password"
        type="password"
        value={password}
        onChange={setPassword}
        autoComplete="new-password"
        minLength={10}
        maxLength={128}
        hint="At least 10 characters"
        required
      />
      {problem && <Alert kind="error">{problem}</Alert>}
      {added && <Alert kind="success">{added} can log in now.</Alert>}
      <button type="submit" className="button primary small" disabled={busy}>
        {busy ? "Adding…" : "Add administrator"}
      </button>
    </form>
  );
}
