/** A random token, with which a repeated request is the same one. A frame on a site without TLS has no `crypto.randomUUID`. */
export function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
