import { Alert, Field, type SignedIn, messageOf } from "@table-order/shared";
import { type FormEvent, useState } from "react";
import { createStore } from "./api";

interface NewStoreProps {
  call: SignedIn["call"];
  onAdded: () => Promise<void>;
}

export function NewStore({ call, onAdded }: NewStoreProps) {
  const [name, setName] = useState("");
  const [tables, setTables] = useState("10");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();
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
      setProblem(messageOf(error));
    }
    setBusy(false);
  };

  return (
    <form className="card form" aria-label="Open a store" onSubmit={submit}>
      <h2>Open a store</h2>
      <Field label="Store name" value={name} onChange={setName} maxLength={100} required />
      <Field
        label="Number of tables"
        type="number"
        value={tables}
        onChange={setTables}
        min={1}
        max={200}
        required
      />
      {problem && <Alert kind="error">{problem}</Alert>}
      {added && <Alert kind="success">{added} is open. Give it an administrator.</Alert>}
      <button type="submit" className="button primary" disabled={busy}>
        {busy ? "Opening…" : "Open store"}
      </button>
    </form>
  );
}
