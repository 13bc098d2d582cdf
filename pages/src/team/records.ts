/** What the API of agents and supervisors answers: the members that the pages read (docs/agents.md, docs/supervision.md). */
export type Status = "available" | "busy" | "busy-do-not-disturb" | "away" | "offline";

export const STATUSES: Record<Status, { name: string; dot: string }> = {
  available: { name: "Available", dot: "dot-good" },
  busy: { name: "Busy", dot: "dot-warning" },
  "busy-do-not-disturb": { name: "Do not disturb", dot: "dot-danger" },
  away: { name: "Away", dot: "dot-hollow" },
  offline: { name: "Offline", dot: "" },
};

export interface Agent {
  user: string;
  name: string;
  status: Status;
  status_since: string;
  next_status: Status | null;
  capacity: number;
  load: number;
  over_capacity: boolean;
  supervisor: boolean;
}

export interface Offer {
  offer_id: string;
  contact_id: string;
  initial_contact_id: string;
  workstream: string;
  queue: string;
  customer: string;
  attributes: Record<string, string>;
  offered_at: string;
  until: string;
}

export type State = "OPEN" | "ACTIVE" | "WAITING" | "WRAP_UP";

export interface Contact {
  contact_id: string;
  initial_contact_id: string;
  workstream: string;
  queue: string | null;
  mode: "live" | "persistent";
  state: State;
  customer: string;
  started_at: string;
  ended_at: string | null;
  /** When the wrap-up ends by itself; null before it. */
  wrap_up_until: string | null;
  attributes: Record<string, string>;
  name: string | null;
  description: string | null;
  references: Record<string, { type: string; value: string }>;
}

export interface Note {
  note_id: string;
  user: string;
  at: string;
  text: string;
}

export interface TransferTargets {
  queues: string[];
  agents: { user: string; name: string; status: Status }[];
}

export interface OpenContact {
  contact_id: string;
  initial_contact_id: string;
  workstream: string;
  queue: string;
  mode: "live" | "persistent";
  state: State;
  customer: string;
  started_at: string;
  since: string;
  units: number;
  agent: string | null;
  offered_to: string | null;
  offered_until: string | null;
}

export interface Queue {
  queue: string;
  waiting: number;
  longest_since: string | null;
  agents: number;
  present: number;
}
