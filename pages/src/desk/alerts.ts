/** What calls an agent: a sound that can be switched off, the number in the title, words on the page and for screen readers. */
import { signal } from "@preact/signals";
import { announce } from "../shared/ui/announce";

export interface Notice {
  id: number;
  text: string;
  /** The contact that it is about; it can be opened. */
  contact: string | null;
  isProblem: boolean;
}

const SOUND_KEY = "perennial.desk.sound";
const SHOWN_MS = 12_000;
const PAUSE_S = 2;

export const notices = signal<readonly Notice[]>([]);
export const hasSound = signal(localStorage.getItem(SOUND_KEY) !== "off");

let lastId = 0;
let audio: AudioContext | null = null;
let rungAt = -PAUSE_S;

/** Browsers let a page sound after somebody has touched it. */
export function prepareSound(): void {
  const wake = () => {
    audio ??= new AudioContext();
    if (audio.state === "suspended") void audio.resume();
  };
  window.addEventListener("pointerdown", wake);
  window.addEventListener("keydown", wake);
}

export function switchSound(): void {
  hasSound.value = !hasSound.value;
  localStorage.setItem(SOUND_KEY, hasSound.value ? "on" : "off");
  if (hasSound.value) ring();
}

/** Two soft tones. Silent when the agent has switched them off, or has not touched the page yet, and just after the last ones. */
export function ring(): void {
  if (!hasSound.value || audio?.state !== "running" || audio.currentTime - rungAt < PAUSE_S) return;
  const start = (rungAt = audio.currentTime);
  for (const [index, frequency] of [659, 880].entries()) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    const at = start + index * 0.16;
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.12, at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.45);
    tone.connect(volume).connect(audio.destination);
    tone.start(at);
    tone.stop(at + 0.5);
  }
}

/** Show words for a while, and say them. A problem stays until it is closed. */
export function tell(text: string, { contact = null, isProblem = false }: { contact?: string | null; isProblem?: boolean } = {}): void {
  const id = (lastId += 1);
  notices.value = [...notices.value.filter((each) => each.text !== text), { id, text, contact, isProblem }].slice(-4);
  announce(text);
  if (!isProblem) window.setTimeout(() => dismiss(id), SHOWN_MS);
}

/** Close all notices: they name the customers of an agent who has gone. */
export function dismissAll(): void {
  notices.value = [];
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((each) => each.id !== id);
}
