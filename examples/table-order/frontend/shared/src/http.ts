import type { TextKey } from "./language";

/** A line of an order that is not as the guest has seen it. */
export interface ChangedItem {
  name: string;
  price: number;
  is_available: boolean;
}

/** What the API answered when it was not a success, as the text that explains it; `status` 0: it was not reached. */
export class ApiError extends Error {
  readonly status: number;
  readonly text: TextKey;
  readonly changed: ChangedItem[];

  constructor(status: number, text: TextKey, changed: ChangedItem[] = []) {
    super(text);
    this.name = "ApiError";
    this.status = status;
    this.text = text;
    this.changed = changed;
  }
}

export interface RequestOptions {
  method?: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  json?: unknown;
  form?: FormData;
  token?: string;
  headers?: Record<string, string>;
  /** What a status means for this very call; the API's own sentences are in English. */
  errors?: Record<number, TextKey>;
}

const ERRORS: Record<number, TextKey> = {
  401: "error_login_again",
  403: "error_not_allowed",
  404: "error_not_found",
  409: "error_conflict",
  413: "error_too_large",
  422: "error_invalid",
  429: "error_too_many",
};

/** Calls the API below `/api` and returns its JSON; throws an ApiError that can be shown. */
export async function request<T>(path: string, options: RequestOptions = {}): Promise<T> {
  const headers = new Headers(options.headers);
  if (options.token) headers.set("Authorization", `Bearer ${options.token}`);
  if (options.json !== undefined) headers.set("Content-Type", "application/json");
  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      method: options.method ?? "GET",
      headers,
      body: options.json !== undefined ? JSON.stringify(options.json) : options.form,
    });
  } catch {
    throw new ApiError(0, "error_unreachable");
  }
  if (!response.ok) throw await failure(response, options.errors);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

async function failure(response: Response, errors: RequestOptions["errors"]): Promise<ApiError> {
  const { status } = response;
  const text = errors?.[status] ?? ERRORS[status] ?? (status >= 500 ? "error_unavailable" : "error_other");
  try {
    const { changed } = (await response.json()) as { changed?: ChangedItem[] };
    return new ApiError(status, text, changed);
  } catch {
    // Not JSON: the web server's own error page.
    return new ApiError(status, text);
  }
}
