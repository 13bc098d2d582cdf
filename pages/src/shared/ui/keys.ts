/** Whether a key is the Enter that sends: not the one that begins a line, nor one with which a word of another script is chosen. */
export function sends(event: KeyboardEvent): boolean {
  return event.key === "Enter" && !event.shiftKey && !isComposing(event);
}

/** Whether the key belongs to the choice of a word, as in Japanese. Safari says so by its code alone. */
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}
