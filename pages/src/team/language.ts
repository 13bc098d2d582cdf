import { languageTag } from "../shared/language";

/** The words of these pages are English; dates and times are those of the agent's own English, if the browser knows it. */
export function speakEnglish(): void {
  const own = navigator.languages.find((language) => /^en\b/i.test(language));
  document.documentElement.lang = languageTag(own ?? "en") ?? "en";
}
