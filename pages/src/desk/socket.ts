/** The agent's socket: it opens again by itself, and continues after the last event that it has delivered. */
import { signal } from "@preact/signals";
import { API } from "../shared/api";
import { request } from "../team/session";
import type { Status } from "../team/records";

/** An event of the agent, or the beginning of a socket (docs/agents.md). */
export type Frame = { seq: number; at: string } & (
  | { type: "hello"; head: number; status: Status; next_status: Status | null }
  | { type: "reset" }
  | { type: "offer"; offer_id: string; contact_id: string; queue: string; until: string; claimed: boolean }
  | { type: "offer-over"; offer_id: string; contact_id: string; outcome: "accepted" | "rejected" | "missed" | "withdrawn" | "absent" }
  | { type: "assigned"; contact_id: string }
  | { type: "returned"; contact_id: string; bound: boolean }
  | { type: "state"; contact_id: string; stage: "working" | "parked" | "wrap_up" | "gone" }
  | { type: "status"; status: Status; next_status: Status | null }
);

export type Link = "connecting" | "connected" | "reconnecting" | "offline";

const LONGEST_WAIT_MS = 15_000;
const PING_MS = 20_000;
const ANSWER_MS = 20_000;
/** After a sleep, or in another network, a socket that is gone is to be noticed soon. */
const SOON_MS = 10_000;
const STOPPING = 1012;
const SIGN_IN_ENDED = [4001, 4003];

export class AgentSocket {
  readonly link = signal<Link>("connecting");

  private socket: WebSocket | null = null;
  private last: number | null = null;
  private attempt = 0;
  private isStopped = false;
  private timer = 0;
  private pings = 0;
  /** How many frames have come. */
  private heard = 0;

  /**
   * `onFrame`: called with each event, once and in order, and with the beginning of each socket. `onGap`: events are missing, so
   * that everything must be read again. `onEnded`: the sign-in has ended.
   */
  constructor(
    private readonly onFrame: (frame: Frame) => void,
    private readonly onGap: () => void,
    private readonly onEnded: () => void,
  ) {
    window.addEventListener("online", this.onNetwork);
    window.addEventListener("offline", this.onNetwork);
    document.addEventListener("visibilitychange", this.onNetwork);
  }

  async open(): Promise<void> {
    window.clearTimeout(this.timer);
    if (this.isStopped || this.socket) return;
    try {
      const { ticket } = await request<{ ticket: string }>("POST", "v1/agent/socket-ticket");
      if (this.isStopped || this.socket) return;
      this.connect(ticket);
    } catch {
      // a sign-in that has ended stops this socket where the request is made
      this.retry();
    }
  }

  stop(): void {
    this.isStopped = true;
    window.clearTimeout(this.timer);
    window.clearInterval(this.pings);
    window.removeEventListener("online", this.onNetwork);
    window.removeEventListener("offline", this.onNetwork);
    document.removeEventListener("visibilitychange", this.onNetwork);
    this.socket?.close();
    this.socket = null;
  }

  private connect(ticket: string): void {
    const address = new URL("v1/agent/socket", API.replace(/^http/, "ws"));
    // as the sockets of the chats: the policy of the page names this host
    if (address.hostname === "localhost") address.hostname = "127.0.0.1";
    address.searchParams.set("ticket", ticket);
    if (this.last !== null) address.searchParams.set("after", String(this.last));
    const socket = new WebSocket(address);
    this.socket = socket;
    socket.onmessage = ({ data }) => this.receive(socket, String(data));
    socket.onclose = ({ code }) => this.onClose(socket, code);
    this.expectFrame(socket, ANSWER_MS);
    window.clearInterval(this.pings);
    this.pings = window.setInterval(() => this.ping(socket), PING_MS);
  }

  private receive(socket: WebSocket, text: string): void {
    if (socket !== this.socket) return;
    this.heard += 1;
    const frame = JSON.parse(text) as Frame | { type: "pong" };
    if (frame.type === "pong") return;
    if (frame.type === "hello") {
      this.attempt = 0;
      this.link.value = "connected";
    } else if (frame.type !== "reset" && this.last !== null) {
      if (frame.seq <= this.last) return;
      if (frame.seq > this.last + 1) this.onGap();
    }
    this.last = frame.seq;
    this.onFrame(frame);
  }

  /** A socket whose network is gone does not close by itself for minutes. In a hidden tab this comes once a minute only. */
  private ping(socket: WebSocket, within = ANSWER_MS): void {
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send('{"type": "ping"}');
    this.expectFrame(socket, within);
  }

  /** Drop the socket unless it brings something in time. */
  private expectFrame(socket: WebSocket, within: number): void {
    const heard = this.heard;
    window.setTimeout(() => {
      if (socket === this.socket && heard === this.heard) this.drop();
    }, within);
  }

  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    window.clearInterval(this.pings);
    socket?.close();
    this.retry();
  }

  private onClose(socket: WebSocket, code: number): void {
    if (socket !== this.socket) return;
    this.socket = null;
    window.clearInterval(this.pings);
    if (this.isStopped) return;
    if (SIGN_IN_ENDED.includes(code)) this.onEnded();
    else this.retry(code === STOPPING ? 100 : undefined);
  }

  private retry(wait = Math.min(LONGEST_WAIT_MS, 500 * 2 ** this.attempt)): void {
    if (this.isStopped) return;
    this.link.value = navigator.onLine ? "reconnecting" : "offline";
    this.attempt += 1;
    window.clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.open(), wait * (0.75 + Math.random() / 2));
  }

  private readonly onNetwork = () => {
    if (this.isStopped) return;
    if (!navigator.onLine) this.drop();
    else if (!this.socket) this.retry(0);
    else this.ping(this.socket, SOON_MS);
  };
}
