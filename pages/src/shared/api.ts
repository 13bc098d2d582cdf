/** Requests to the API of the page's own origin. */
import { noteServerTime } from "./serverTime";

/** The base URL of the API, with a slash at its end. Pages stand directly under it. */
export const API = new URL("./", document.baseURI).href;

const FAILED_AGAIN_S = 3;
const LONGEST_MS = 60_000;

/** An answer that is a refusal, or no answer at all (`status` 0). */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    /** Seconds after which the same request may succeed; null when nothing says so. */
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
    signal: signal ?? AbortSignal.timeout(LONGEST_MS),
  });
  const text = await response.text();
  const parsed = parse(text);
  if (!response.ok) {
    const wait = Number(response.headers.get("retry-after"));
    throw new ApiError(
      response.status,
      String(parsed.__type ?? response.status),
      String(parsed.Message ?? response.statusText),
      wait > 0 ? wait : response.status >= 500 ? FAILED_AGAIN_S : null,
    );
  }
  return parsed as T;
}

async function answer(method: string, path: string, request: RequestInit): Promise<Response> {
  const sentAt = Date.now();
  try {
    const response = await fetch(new URL(path.replace(/^\//, ""), API), { ...request, credentials: "omit", cache: "no-store" });
    noteServerTime(response.headers.get("date"), sentAt);
    return response;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "NoAnswer", `${method} ${path}: there is no answer.`, FAILED_AGAIN_S);
  }
}

function parse(text: string): Record<string, unknown> {
  try {
    return text ? (JSON.parse(text) as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
