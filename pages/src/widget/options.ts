/** What the script tag says. */
export interface Options {
  instance: string;
  position: "start" | "end";
  isOpen: boolean;
  /** The words of the button, and the title of the frame. */
  openText: string;
  openTextWithNew: string;
  closeText: string;
  title: string;
  direction: "ltr" | "rtl";
  /** `light` or `dark`; empty for what the person prefers. */
  theme: string;
  /** The address of the chat, with all that the page of the chat needs to know. */
  address: string;
}

/** Read the attributes of the script tag. The chat is served where the script is. */
export function readOptions(script: HTMLScriptElement): Options {
  const { dataset } = script;
  const texts = objectOf(dataset.texts);
  const own = (name: string, otherwise: string) => (typeof texts[name] === "string" ? (texts[name] as string) : otherwise);
  const direction = (dataset.direction ?? document.documentElement.dir) === "rtl" ? "rtl" : "ltr";
  const instance = dataset.instance ?? "demo";
  const address = new URL("../widget", script.src);
  address.searchParams.set("instance", instance);
  address.hash = encodeURIComponent(
    JSON.stringify({
      workstreams: (dataset.workstreams ?? "").split(/[\s,]+/).filter(Boolean),
      name: dataset.name ?? "",
      language: dataset.language ?? document.documentElement.lang,
      direction,
      theme: dataset.theme ?? "",
      customerToken: dataset.customerToken ?? "",
      attributes: objectOf(dataset.attributes),
      texts,
    }),
  );
  return {
    instance,
    direction,
    theme: dataset.theme ?? "",
    position: dataset.position === "start" ? "start" : "end",
    isOpen: dataset.open !== undefined && dataset.open !== "false",
    openText: own("open", "Open chat"),
    openTextWithNew: own("openWithNew", "Open chat, new messages: {count}"),
    closeText: own("close", "Close chat"),
    title: own("title", "Chat"),
    address: address.href,
  };
}

function objectOf(json: string | undefined): Record<string, unknown> {
  if (!json) return {};
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {};
  } catch {
    console.error("perennial-chat.js: an attribute is not valid JSON:", json);
    return {};
  }
}
