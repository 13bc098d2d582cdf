/**
 * Who works here. A team's backend hands the agent token over in the fragment of the address, which no server and no
 * `Referer` ever sees (docs/pages.md). The page takes it out of the address and keeps it for this tab alone.
 */
import { signal } from "@preact/signals";
import { ApiError, call } from "../shared/api";

export interface Session {
  token: string;
  /** The address of the Temporal UI, up to the namespace; null when nobody has said it. */
  temporal: string | null;
}

const KEY = "perennial.team";

/** The present sign-in; null before and after it. */
export const session = signal<Session | null>(null);

/** Why nobody is signed in, for people; null when there is no reason to give. */
export const signInProblem = signal<string | null>(null);

/** Take the token that this page was handed, or the one that this tab has kept. */
export async function beginSession(): Promise<void> {
  window.addEventListener("hashchange", () => void takeHandedOver());
  if (!(await takeHandedOver())) session.value = kept();
}

export function signIn(token: string, temporal: string | null): void {
  session.value = { token, temporal };
  signInProblem.value = null;
  sessionStorage.setItem(KEY, JSON.stringify(session.value));
}

/** Forget the token, and what else this tab has kept of the agent's work. */
export function signOut(): void {
  forgetKept(KEY);
  session.value = null;
  signInProblem.value = null;
}

/** Forget a token that is not good any more. What the agent has written stays for when they are back. */
export function endSession(problem: string): void {
  sessionStorage.removeItem(KEY);
  session.value = null;
  signInProblem.value = problem;
}

/** A request with the agent's token. When the token has ended, the agent is signed out. Throws `ApiError`. */
export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const bearer = session.peek()?.token;
  if (!bearer) throw new ApiError(0, "SignedOut", "Nobody is signed in.");
  const send = (verb: string, to: string, content?: unknown) => call<T>(verb, to, { bearer, ...(content === undefined ? {} : { body: content }) });
  try {
    return await send(method, path, body);
  } catch (error) {
    // it may be this one request that the agent may not make
    const reason = isDenied(error) && path !== "v1/agent" ? await send("GET", "v1/agent").catch((denied: unknown) => denied) : error;
    if (isDenied(reason) && bearer === session.peek()?.token) endSession("Your sign-in has ended. Please sign in again.");
    throw error;
  }
}

/** Forget what this tab has kept for another agent, who was signed in before without signing out. */
export function keepOnlyFor(user: string): void {
  const key = keptKey("user");
  const before = sessionStorage.getItem(key);
  if (before !== null && before !== user) forgetKept(keptKey(""));
  sessionStorage.setItem(key, user);
}

function forgetKept(prefix: string): void {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith(prefix)) sessionStorage.removeItem(key);
  }
}

/** The key under which this tab keeps something of the agent's work until they sign out. */
export function keptKey(name: string): string {
  return `${KEY}.${name}`;
}

/** The address of a conversation in the Temporal UI; null when it is not known. */
export function temporalAddress(conversationId: string): string | null {
  const base = session.value?.temporal;
  return base ? `${base}/workflows/${encodeURIComponent(conversationId)}` : null;
}

function isDenied(error: unknown): boolean {
  return error instanceof ApiError && error.status === 403;
}

async function takeHandedOver(): Promise<boolean> {
  const handed = new URLSearchParams(location.hash.slice(1));
  const token = handed.get("token");
  const providerToken = handed.get("provider_token");
  if (!token && !providerToken) return false;
  history.replaceState(null, "", location.pathname + location.search);
  const temporal = namespaceAddress(handed.get("temporal_ui"));
  try {
    signIn(token ?? (await exchange(handed.get("instance") ?? "", providerToken ?? "")), temporal);
  } catch (error) {
    const isAway = error instanceof ApiError && (error.status === 0 || error.status >= 500);
    endSession(isAway ? "The server cannot be reached. Please sign in again in a moment." : "This sign-in is not valid. Please sign in again.");
  }
  return true;
}

async function exchange(instance: string, token: string): Promise<string> {
  return (await call<{ token: string }>("POST", "v1/agents/token", { body: { instance, token } })).token;
}

/** The address of a namespace in the Temporal UI. Only web addresses are taken, because they become links. */
export function namespaceAddress(address: string | null): string | null {
  if (!address || !/^https?:\/\//i.test(address) || !URL.canParse(address)) return null;
  const base = address.replace(/\/+$/, "");
  return base.includes("/namespaces/") ? base : `${base}/namespaces/default`;
}

function kept(): Session | null {
  try {
    const saved = JSON.parse(sessionStorage.getItem(KEY) ?? "null") as Session | null;
    return saved && typeof saved.token === "string" ? saved : null;
  } catch {
    return null;
  }
}
