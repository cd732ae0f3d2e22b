import { Dialog, Field, Problem, type SignedIn, useAction, useConfirm, useText } from "@table-order/shared";
import { type FormEvent, useState } from "react";
import { Administrators } from "./Administrators";
import { type Store, changeStore } from "./api";

interface StoreCardProps {
  call: SignedIn["call"];
  store: Store;
  /** Called when the store was changed; resolves when the page knows of it. */
  onChanged: () => Promise<void>;
}

/** A store, whether it is open, and who administers it. */
export function StoreCard({ call, store, onChanged }: StoreCardProps) {
  const { t } = useText();
  const [renaming, setRenaming] = useState(false);
  const [ask, confirmation] = useConfirm();
  const { busy, problem, run } = useAction();

  const setOpen = (is_active: boolean) =>
    void run(async () => {
      await call((token) => changeStore(token, store.id, { is_active }));
      await onChanged();
    });
  const close = () =>
    ask({
      text: t("confirm_close_store", { name: store.name }),
      action: t("close_store"),
      onConfirm: () => setOpen(false),
    });

  return (
    <li className="card store" aria-label={store.name}>
      <div className="store-head">
        <h2>{store.name}</h2>
        <span className={store.is_active ? "chip green" : "chip"}>
          {t(store.is_active ? "store_is_open" : "store_is_closed")}
        </span>
      </div>
      <p className="muted">
        {t("store_line", { id: store.id, count: store.table_count })}{" "}
        <a href={`/?store=${store.id}`}>{t("menu")}</a>
      </p>
      <div className="row">
        <button type="button" className="button small" onClick={() => setRenaming(true)}>
          {t("rename")}
        </button>
        <button
          type="button"
          className="button small"
          aria-disabled={busy}
          onClick={store.is_active ? close : () => setOpen(true)}
        >
          {t(store.is_active ? "close_store" : "reopen_store")}
        </button>
      </div>
      <Problem of={problem} />
      <Administrators call={call} store={store} />
      {confirmation}
      {renaming && <Rename call={call} store={store} onChanged={onChanged} onDone={() => setRenaming(false)} />}
    </li>
  );
}

function Rename({ call, store, onChanged, onDone }: StoreCardProps & { onDone: () => void }) {
  const { t } = useText();
  const [name, setName] = useState(store.name);
  const { busy, problem, run } = useAction();
  const title = t("rename_store", { name: store.name });

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void run(async () => {
      await call((token) => changeStore(token, store.id, { name }));
      await onChanged();
      onDone();
    });
  };

  return (
    <Dialog label={title} onClose={onDone}>
      <form className="form" aria-label={title} onSubmit={submit}>
        <Field label={t("store_name")} value={name} onChange={setName} maxLength={100} required />
        <Problem of={problem} />
        <div className="dialog-foot">
          <button type="button" className="button" onClick={onDone}>
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
