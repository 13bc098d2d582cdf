/** What the site says about the widget: the instance in the address, the rest in its fragment, which no log has. */
import { browserLanguage, languageTag } from "../shared/language";
import { replaceTexts } from "../shared/texts";
import { isFramed } from "./host";

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

type Options = Record<string, unknown>;

/** Read the settings, and give the document its language, direction and words. */
export function readSettings(): Settings {
  const options = readFragment();
  // the policy says whose pages may show the frame. A page by itself can be opened by anybody's link, which says nothing about
  // its reader: somebody could hand over a token of their own, and read what is written under it
  const trusted = isFramed ? options : {};
  const language = languageOf(textOf(options.language));
  const theme = textOf(options.theme);
  document.documentElement.lang = language;
  document.documentElement.dir = options.direction === "rtl" ? "rtl" : "ltr";
  if (theme) document.documentElement.dataset.theme = theme;
  replaceTexts(objectOf(options.texts));
  return {
    instance: new URLSearchParams(location.search).get("instance") || "demo",
    workstreams: Array.isArray(options.workstreams) ? options.workstreams.map(textOf).filter(Boolean) : [],
    name: textOf(trusted.name),
    language,
    customerToken: textOf(trusted.customerToken),
    attributes: Object.fromEntries(Object.entries(objectOf(trusted.attributes)).map(([name, value]) => [name, attributeOf(value)])),
  };
}

/** The site's language. Where it names no country, the browser's tag of the same language does: it decides on dates. */
function languageOf(wanted: string): string {
  const own = browserLanguage();
  const tag = languageTag(wanted);
  return tag && !`${own}-`.startsWith(`${tag}-`) ? tag : own;
}

function readFragment(): Options {
  try {
    return objectOf(JSON.parse(decodeURIComponent(location.hash.slice(1)) || "{}"));
  } catch {
    return {};
  }
}

function objectOf(value: unknown): Options {
  return typeof value === "object" && value !== null ? (value as Options) : {};
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Attributes of contacts are texts. A site may write numbers, too. */
function attributeOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
