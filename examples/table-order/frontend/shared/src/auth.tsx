import { type FormEvent, type ReactNode, useCallback, useState } from "react";
import { Alert, Brand, Field, Problem } from "./components";
import { ApiError, request } from "./http";
import { LanguageSwitch, type TextKey, useText, useTitle } from "./language";
import type { Login, Role } from "./types";

export interface Session {
  token: string;
  username: string;
}

export interface SignedIn extends Session {
  /** Runs a call with the session's token; a token that is no longer accepted leads back to the login. */
  call: <T>(run: (token: string) => Promise<T>) => Promise<T>;
  signOut: (reason?: TextKey) => void;
}

interface LoginGateProps {
  role: Role;
  title: string;
  children: (session: SignedIn) => ReactNode;
}

/** Shows the login form until somebody with this role has signed in. The tab remembers, not the browser. */
export function LoginGate({ role, title, children }: LoginGateProps) {
  const storageKey = `table-order-${role}`;
  const [session, setSession] = useState<Session | null>(() => restore(storageKey));
  const [reason, setReason] = useState<TextKey>();

  const signIn = (next: Session) => {
    sessionStorage.setItem(storageKey, JSON.stringify(next));
    setReason(undefined);
    setSession(next);
  };
  const signOut = useCallback(
    (why?: TextKey) => {
      sessionStorage.removeItem(storageKey);
      setReason(why);
      setSession(null);
    },
    [storageKey],
  );
  const call = useCallback<SignedIn["call"]>(
    async (run) => {
      try {
        return await run(session?.token ?? "");
      } catch (error) {
        if (error instanceof ApiError && error.status === 401) signOut("error_login_again");
        throw error;
      }
    },
    [session, signOut],
  );

  const leave = useCallback(
    (why?: TextKey) => {
      // Whoever leaves on purpose ends the token, too; the page does not wait for it.
      if (session && why === undefined) void endLogin(session.token);
      signOut(why);
    },
    [session, signOut],
  );

  if (session) return children({ ...session, call, signOut: leave });
  return <LoginForm role={role} title={title} reason={reason} onSignIn={signIn} />;
}

async function endLogin(token: string) {
  try {
    await request("/auth/logout", { method: "POST", token });
  } catch {
    // The token ends by itself, hours later.
  }
}

interface LoginFormProps {
  role: Role;
  title: string;
  reason?: TextKey;
  onSignIn: (session: Session) => void;
}

function LoginForm({ role, title, reason, onSignIn }: LoginFormProps) {
  const { t } = useText();
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  useTitle(`${t("brand")} - ${title}`);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      const login = await request<Login>("/auth/login", {
        method: "POST",
        json: { username, password },
        errors: { 401: "error_wrong_login", 429: "error_too_many_logins" },
      });
      if (login.role !== role) throw new ApiError(403, "error_no_access");
      onSignIn({ token: login.access_token, username });
    } catch (error) {
      setProblem(error);
      setBusy(false);
    }
  };

  return (
    <main className="login">
      <form className="card login-card" onSubmit={submit}>
        <Brand />
        <h1>{title}</h1>
        <Alert kind="info">{reason && problem === undefined && t(reason)}</Alert>
        <Problem of={problem} />
        <Field label={t("username")} value={username} onChange={setUsername} autoComplete="username" required />
        <Field
          label={t("password")}
          type="password"
          value={password}
          onChange={setPassword}
          autoComplete="current-password"
          required
        />
        <button type="submit" className="button primary" aria-disabled={busy}>
          {busy ? t("logging_in") : t("log_in")}
        </button>
        <LanguageSwitch />
      </form>
    </main>
  );
}

function restore(storageKey: string): Session | null {
  const stored = sessionStorage.getItem(storageKey);
  return stored ? (JSON.parse(stored) as Session) : null;
}
