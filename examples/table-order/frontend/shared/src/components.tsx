import { type ReactNode, useId, useState } from "react";

/** The service's sign: a bowl with steam, and its name in both scripts. */
export function Brand() {
  return (
    <span className="brand">
      <BowlIcon />
      <span>
        Table Order <span lang="ko">테이블오더</span>
      </span>
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

/** A problem interrupts a screen reader, an information waits for its turn. */
export function Alert({ kind, children }: { kind: "error" | "info" | "success"; children: ReactNode }) {
  return (
    <div className={`alert ${kind}`} role={kind === "error" ? "alert" : "status"}>
      {children}
    </div>
  );
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
        {!input.required && <span className="muted"> (optional)</span>}
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
