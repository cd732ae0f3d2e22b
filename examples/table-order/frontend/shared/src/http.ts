/** What the API answered when it was not a success; `status` 0 means that it could not be reached. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = "ApiError";
    this.status = status;
  }
}

export interface RequestOptions {
  method?: "GET" | "POST" | "PATCH" | "PUT" | "DELETE";
  json?: unknown;
  form?: FormData;
  token?: string;
  headers?: Record<string, string>;
}

/** Calls the API below `/api` and returns its JSON; throws an ApiError with a message that can be shown. */
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
    throw new ApiError(0, "The server cannot be reached. Check the connection and try again.");
  }
  if (!response.ok) throw new ApiError(response.status, await explain(response));
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** The text to show for any caught value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The API explains itself in `detail`, a sentence. */
async function explain(response: Response): Promise<string> {
  try {
    const { detail } = (await response.json()) as { detail?: unknown };
    if (typeof detail === "string") return detail;
  } catch {
    // Not JSON: the web server's own error page.
  }
  if (response.status === 413) return "The file is too large.";
  return `The server answered ${response.status}. Please try again.`;
}
