/** The tag of a language as browsers take it; null for a text that is none. `de_AT` is meant as `de-AT`. */
export function languageTag(text: string): string | null {
  try {
    return Intl.getCanonicalLocales(text.replaceAll("_", "-"))[0] ?? null;
  } catch {
    return null;
  }
}

/** The language of the browser. Some systems name it in a way that no date can be written with. */
export function browserLanguage(): string {
  return languageTag(navigator.language) ?? "en";
}
