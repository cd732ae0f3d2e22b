import { Alert, Field, Problem, type SignedIn, useText } from "@table-order/shared";
import { type FormEvent, useCallback, useEffect, useState } from "react";
import { type Admin, type Store, createAdmin, fetchAdmins } from "./api";

interface StoreCardProps {
  call: SignedIn["call"];
  store: Store;
}

/** A store, who administers it, and a form for another administrator. */
export function StoreCard({ call, store }: StoreCardProps) {
  const { t } = useText();
  const [admins, setAdmins] = useState<Admin[]>();
  const [problem, setProblem] = useState<unknown>();

  const refresh = useCallback(
    () =>
      call((token) => fetchAdmins(token, store.id)).then(setAdmins, setProblem),
    [call, store.id],
  );

  useEffect(() => void refresh(), [refresh]);

  return (
    <li className="card store" aria-label={store.name}>
      <div className="store-head">
        <h2>{store.name}</h2>
        <span className={store.is_active ? "chip green" : "chip"}>{t(store.is_active ? "store_is_open" : "store_is_closed")}</span>
      </div>
      <p className="muted">
        {t("store_line", { id: store.id, count: store.table_count })}{" "}
        <a href={`/?store=${store.id}`}>{t("menu")}</a>
      </p>
      <Problem of={problem} />
      {admins && (
        <p>
          <span className="muted">{admins.length === 0 ? t("no_administrators") : `${t("administrators")}:`}</span>{" "}
          {admins.map(({ username }) => username).join(", ")}
        </p>
      )}
      <details>
        <summary>{t("add_administrator")}</summary>
        <NewAdmin call={call} store={store} onAdded={refresh} />
      </details>
    </li>
  );
}

function NewAdmin({ call, store, onAdded }: StoreCardProps & { onAdded: () => Promise<void> }) {
  const { t } = useText();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
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
      setProblem(error);
    }
    setBusy(false);
  };

  return (
    <form className="admin-form" aria-label={t("add_administrator_to", { name: store.name })} onSubmit={submit}>
      <Field
        label={t("username")}
        value={username}
        onChange={setUsername}
        autoComplete="off"
        pattern="[A-Za-z0-9._\-]{3,50}"
        hint={t("username_hint")}
        required
      />
      <Field
        label={t("password")}
        type="password"
        value={password}
        onChange={setPassword}
        autoComplete="new-password"
        minLength={10}
        maxLength={128}
        hint={t("password_hint")}
        required
      />
      <Problem of={problem} />
      {added && <Alert kind="success">{t("administrator_added", { name: added })}</Alert>}
      <button type="submit" className="button primary small" disabled={busy}>
        {busy ? t("adding") : t("add_administrator")}
      </button>
    </form>
  );
}
