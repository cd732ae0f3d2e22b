import { type ReactNode, useId, useState } from "react";
import { ApiError } from "./http";
import { type Texts, useText } from "./language";

/** The service's sign: a bowl with steam, and its name. */
export function Brand() {
  const { t } = useText();
  return (
    <span className="brand">
      <BowlIcon />
      <span>{t("brand")}</span>
    </span>
  );
}

export function BowlIcon() {
  return (
    <svg viewBox="0 0 32 32" className="bowl" aria-hidden="true">
      <path d="M11 4c-2 2 2 4 0 7M16 3c-2 2 2 5 0 8M21 4c-2 2 2 4 0 7" />
      <path className="fill" d="M3 15h26c0 7-4 11-8 12v2H11v-2c-4-1-8-5-8-12z" />
    </svg>
  );
}

/**
 * A problem interrupts a screen reader, an information waits for its turn. To be rendered without a text, too: a screen
 * reader says what appears in a region that it knows already.
 */
export function Alert({ kind, children }: { kind: "error" | "info" | "success"; children: ReactNode }) {
  return (
    <div className="region" role={kind === "error" ? "alert" : "status"}>
      {children && <div className={`alert ${kind}`}>{children}</div>}
    </div>
  );
}

/** What only a screen reader says, when it changes. */
export function Announcer({ children }: { children: ReactNode }) {
  return (
    <span className="visually-hidden" role="status">
      {children}
    </span>
  );
}

/** What went wrong, in the page's language; nothing while nothing has. */
export function Problem({ of: error }: { of: unknown }) {
  const texts = useText();
  return <Alert kind="error">{error !== undefined && explain(error, texts)}</Alert>;
}

function explain(error: unknown, { t, won }: Texts): string {
  if (!(error instanceof ApiError)) return String(error);
  if (error.changed.length === 0) return t(error.text, { status: error.status });
  const soldOut = error.changed.filter((item) => !item.is_available).map(({ name }) => name);
  const repriced = error.changed.filter((item) => item.is_available).map(({ name, price }) => `${name} ${won(price)}`);
  const sentences = [
    soldOut.length > 0 && t("error_sold_out", { names: soldOut.join(", ") }),
    repriced.length > 0 && t("error_repriced", { names: repriced.join(", ") }),
  ];
  return sentences.filter(Boolean).join(" ");
}

interface FieldProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  hint?: string;
  type?: "text" | "password" | "number";
  autoComplete?: string;
  required?: boolean;
  multiline?: boolean;
  min?: number;
  max?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

/** A labelled input; empty optional fields say that they are optional. */
export function Field({ label, hint, value, onChange, multiline, ...input }: FieldProps) {
  const { t } = useText();
  const id = useId();
  const common = {
    id,
    value,
    "aria-describedby": hint ? `${id}-hint` : undefined,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  };
  return (
    <div className="field">
      <label htmlFor={id}>
        {label}
        {!input.required && <span className="muted"> ({t("optional")})</span>}
      </label>
      {multiline ? (
        <textarea {...common} rows={3} maxLength={input.maxLength} required={input.required} />
      ) : (
        <input {...common} {...input} />
      )}
      {hint && (
        <small id={`${id}-hint`} className="muted">
          {hint}
        </small>
      )}
    </div>
  );
}

/** A menu's picture; where there is none, or it does not load, the bowl. */
export function MenuPicture({ url, name }: { url: string | null; name: string }) {
  const [broken, setBroken] = useState<string>();
  if (!url || broken === url) {
    return (
      <span className="picture placeholder">
        <BowlIcon />
      </span>
    );
  }
  return <img className="picture" src={url} alt={name} loading="lazy" onError={() => setBroken(url)} />;
}
