import { Alert, Dialog, Field, Problem, type SignedIn, useAction, useConfirm, useText } from "@table-order/shared";
import { type FormEvent, useCallback, useEffect, useState } from "react";
import { type Admin, type Store, changeAdmin, createAdmin, fetchAdmins } from "./api";

interface AdministratorsProps {
  call: SignedIn["call"];
  store: Store;
}

/** Who administers a store, what can be done with each account, and a form for another one. */
export function Administrators({ call, store }: AdministratorsProps) {
  const { t } = useText();
  const [admins, setAdmins] = useState<Admin[]>();
  const [problem, setProblem] = useState<unknown>();
  const [resetting, setResetting] = useState<Admin>();
  const [reset, setReset] = useState<string>();
  const [ask, confirmation] = useConfirm();
  const change = useAction();

  const refresh = useCallback(
    () => call((token) => fetchAdmins(token, store.id)).then(setAdmins, setProblem),
    [call, store.id],
  );

  useEffect(() => void refresh(), [refresh]);

  const setActive = (admin: Admin, is_active: boolean) =>
    void change.run(async () => {
      await call((token) => changeAdmin(token, admin.id, { is_active }));
      await refresh();
    });
  const lock = (admin: Admin) =>
    ask({
      text: t("confirm_lock", { name: admin.username }),
      action: t("lock"),
      onConfirm: () => setActive(admin, false),
    });

  return (
    <>
      <Problem of={problem ?? change.problem} />
      <Alert kind="success">{reset !== undefined && t("password_was_reset", { name: reset })}</Alert>
      {admins?.length === 0 && <p className="muted">{t("no_administrators")}</p>}
      <ul className="admins" aria-label={t("administrators")}>
        {admins?.map((admin) => (
          <AdminRow
            key={admin.id}
            admin={admin}
            busy={change.busy}
            onReset={() => {
              setReset(undefined);
              setResetting(admin);
            }}
            onLock={() => (admin.is_active ? lock(admin) : setActive(admin, true))}
          />
        ))}
      </ul>
      <details>
        <summary>{t("add_administrator")}</summary>
        <NewAdmin call={call} store={store} onAdded={refresh} />
      </details>
      {confirmation}
      {resetting && (
        <ResetPassword
          call={call}
          admin={resetting}
          onDone={(done) => {
            if (done) setReset(resetting.username);
            setResetting(undefined);
          }}
        />
      )}
    </>
  );
}

interface AdminRowProps {
  admin: Admin;
  busy: boolean;
  onReset: () => void;
  onLock: () => void;
}

function AdminRow({ admin: { username, is_active }, busy, onReset, onLock }: AdminRowProps) {
  const { t } = useText();
  return (
    <li className="row" aria-label={username}>
      <span className="admin-name">{username}</span>
      {!is_active && <span className="chip red">{t("locked")}</span>}
      <button
        type="button"
        className="button small quiet"
        aria-label={t("reset_password_of", { name: username })}
        onClick={onReset}
      >
        {t("reset_password")}
      </button>
      <button
        type="button"
        className="button small quiet"
        aria-label={t(is_active ? "lock_named" : "unlock_named", { name: username })}
        aria-disabled={busy}
        onClick={onLock}
      >
        {t(is_active ? "lock" : "unlock")}
      </button>
    </li>
  );
}

interface ResetPasswordProps {
  call: SignedIn["call"];
  admin: Admin;
  onDone: (done: boolean) => void;
}

function ResetPassword({ call, admin, onDone }: ResetPasswordProps) {
  const { t } = useText();
  const [password, setPassword] = useState("");
  const { busy, problem, run } = useAction();
  const title = t("reset_password_of", { name: admin.username });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await call((token) => changeAdmin(token, admin.id, { password }));
      onDone(true);
    });
  };

  return (
    <Dialog label={title} onClose={() => onDone(false)}>
      <form className="form" aria-label={title} onSubmit={submit}>
        <h2>{title}</h2>
        <NewPassword label={t("new_password")} value={password} onChange={setPassword} />
        <Problem of={problem} />
        <div className="dialog-foot">
          <button type="button" className="button" onClick={() => onDone(false)}>
            {t("close")}
          </button>
          <button type="submit" className="button primary" aria-disabled={busy}>
            {busy ? t("saving") : t("save")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** What the API accepts as a password. */
function NewPassword(input: { label: string; value: string; onChange: (password: string) => void }) {
  const { t } = useText();
  return (
    <Field
      {...input}
      type="password"
      autoComplete="new-password"
      minLength={10}
      maxLength={128}
      hint={t("password_hint")}
      required
    />
  );
}

function NewAdmin({ call, store, onAdded }: AdministratorsProps & { onAdded: () => Promise<void> }) {
  const { t } = useText();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [added, setAdded] = useState<string>();
  const { busy, problem, run } = useAction();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAdded(undefined);
    void run(async () => {
      const admin = await call((token) => createAdmin(token, store.id, username, password));
      setAdded(admin.username);
      setUsername("");
      setPassword("");
      await onAdded();
    });
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
      <NewPassword label={t("password")} value={password} onChange={setPassword} />
      <Problem of={problem} />
      <Alert kind="success">{added && t("administrator_added", { name: added })}</Alert>
      <button type="submit" className="button primary small" aria-disabled={busy}>
        {busy ? t("adding") : t("add_administrator")}
      </button>
    </form>
  );
}
