/** Requests to the API of the page's own origin. */

/** The base URL of the API, with a slash at its end. Pages stand directly under it. */
export const API = new URL("./", document.baseURI).href;

/** An answer that is a refusal, or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    /** Seconds after which a refused client may try again; null when the answer does not say. */
    readonly retryAfter: number | null = null,
  ) {
    super(message);
  }
}

export interface Call {
  /** Agent token; it goes into `Authorization: Bearer`. */
  bearer?: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Send a request, and return the JSON of its answer. Throws `ApiError`. */
export async function call<T>(method: string, path: string, { bearer, body, headers, signal }: Call = {}): Promise<T> {
  const response = await answer(method, path, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(signal ? { signal } : {}),
  });
  const text = await response.text();
  const parsed = parse(text);
  if (!response.ok) {
    const wait = Number(response.headers.get("retry-after"));
    throw new ApiError(
      response.status,
      String(parsed.__type ?? response.status),
      String(parsed.Message ?? response.statusText),
      wait > 0 ? wait : null,
    );
  }
  return parsed as T;
}

async function answer(method: string, path: string, request: RequestInit): Promise<Response> {
  try {
    return await fetch(new URL(path.replace(/^\//, ""), API), { ...request, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "NoAnswer", `${method} ${path}: there is no answer.`);
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return text ? (JSON.parse(text) as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
