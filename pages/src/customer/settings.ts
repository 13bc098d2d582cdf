/** What the site says about the widget: the instance in the address, the rest in its fragment, which no log has. */
import { replaceTexts } from "../shared/texts";

export interface Settings {
  instance: string;
  /** The workstreams to choose from; empty for all that the instance offers. */
  workstreams: string[];
  name: string;
  /** BCP 47 tag; empty for that of the browser. */
  language: string;
  /** A token with which the site says who the customer is; empty without one. */
  customerToken: string;
  attributes: Record<string, string>;
}

interface Options extends Partial<Omit<Settings, "instance">> {
  direction?: string;
  theme?: string;
  texts?: Record<string, unknown>;
}

/** Read the settings, and give the document its language, direction and words. */
export function readSettings(): Settings {
  const options = readFragment();
  const language = languageOf(options.language ?? "");
  document.documentElement.lang = language;
  document.documentElement.dir = options.direction === "rtl" ? "rtl" : "ltr";
  if (options.theme) document.documentElement.dataset.theme = options.theme;
  replaceTexts(options.texts ?? {});
  return {
    instance: new URLSearchParams(location.search).get("instance") || "demo",
    workstreams: options.workstreams ?? [],
    name: options.name ?? "",
    language,
    customerToken: options.customerToken ?? "",
    attributes: options.attributes ?? {},
  };
}

/** The site's language. Where it names no country, the browser's tag of the same language does: it decides on dates. */
function languageOf(wanted: string): string {
  const own = navigator.language;
  return wanted && !own.toLowerCase().startsWith(wanted.toLowerCase()) ? wanted : own;
}

function readFragment(): Options {
  try {
    return JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}") as Options;
  } catch {
    return {};
  }
}
