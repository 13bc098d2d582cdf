/** Times as people read them, in the language of the page. */
import { serverNow } from "../serverTime";

const language = () => document.documentElement.lang || undefined;

export function clock(at: string): string {
  return new Date(at).toLocaleTimeString(language(), { hour: "numeric", minute: "2-digit" });
}

export function fullTime(at: string): string {
  return new Date(at).toLocaleString(language(), { dateStyle: "full", timeStyle: "short" });
}

/** The date, without the year within the last months. */
export function day(at: string): string {
  const date = new Date(at);
  const isRecent = Math.abs(serverNow() - date.getTime()) < 180 * 86_400_000;
  return date.toLocaleDateString(language(), { day: "numeric", month: "long", ...(isRecent ? {} : { year: "numeric" }) });
}

export function isSameDay(a: string, b: string): boolean {
  return new Date(a).toDateString() === new Date(b).toDateString();
}

/** How long ago, in the largest fitting unit: `5 min. ago`. */
export function ago(at: string): string {
  const format = new Intl.RelativeTimeFormat(language(), { style: "short", numeric: "auto" });
  const minutes = Math.max(1, Math.round((serverNow() - Date.parse(at)) / 60_000));
  if (minutes < 60) return format.format(-minutes, "minute");
  if (minutes < 60 * 36) return format.format(-Math.round(minutes / 60), "hour");
  return format.format(-Math.round(minutes / 1440), "day");
}
