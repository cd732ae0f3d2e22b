import { Alert, Field, Problem, type SignedIn, useAction, useText } from "@table-order/shared";
import { type FormEvent, useState } from "react";
import { createStore } from "./api";

interface NewStoreProps {
  call: SignedIn["call"];
  onAdded: () => Promise<void>;
}

export function NewStore({ call, onAdded }: NewStoreProps) {
  const { t } = useText();
  const [name, setName] = useState("");
  const [tables, setTables] = useState("10");
  const [added, setAdded] = useState<string>();
  const { busy, problem, run } = useAction();

  const submit = (event: FormEvent) => {
    event.preventDefault();
    setAdded(undefined);
    void run(async () => {
      const store = await call((token) => createStore(token, name, Number(tables)));
      setAdded(store.name);
      setName("");
      await onAdded();
    });
  };

  return (
    <form className="card form" aria-label={t("open_store")} onSubmit={submit}>
      <h2>{t("open_store")}</h2>
      <Field label={t("store_name")} value={name} onChange={setName} maxLength={100} required />
      <Field
        label={t("table_count")}
        type="number"
        value={tables}
        onChange={setTables}
        min={1}
        max={200}
        required
      />
      <Problem of={problem} />
      <Alert kind="success">{added && t("store_opened", { name: added })}</Alert>
      <button type="submit" className="button primary" aria-disabled={busy}>
        {busy ? t("opening") : t("open_store")}
      </button>
    </form>
  );
}
