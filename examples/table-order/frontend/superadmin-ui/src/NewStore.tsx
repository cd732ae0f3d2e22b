import { Alert, Field, Problem, type SignedIn, useText } from "@table-order/shared";
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
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<unknown>();
  const [added, setAdded] = useState<string>();

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    setAdded(undefined);
    try {
      const store = await call((token) => createStore(token, name, Number(tables)));
      setAdded(store.name);
      setName("");
      await onAdded();
    } catch (error) {
      setProblem(error);
    }
    setBusy(false);
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
      {added && <Alert kind="success">{t("store_opened", { name: added })}</Alert>}
      <button type="submit" className="button primary" disabled={busy}>
        {busy ? t("opening") : t("open_store")}
      </button>
    </form>
  );
}
