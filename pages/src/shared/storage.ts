/** Storage for a frame whose browser blocks that of other sites: it lasts as long as the page. ChatJS and the pages need one. */
class PageStorage implements Storage {
  [name: string]: unknown;
  readonly #values = new Map<string, string>();

  get length(): number {
    return this.#values.size;
  }

  key(index: number): string | null {
    return [...this.#values.keys()][index] ?? null;
  }

  getItem(key: string): string | null {
    return this.#values.get(key) ?? null;
  }

  setItem(key: string, value: string): void {
    this.#values.set(key, String(value));
  }

  removeItem(key: string): void {
    this.#values.delete(key);
  }

  clear(): void {
    this.#values.clear();
  }
}

/** Put a storage of the page in the place of each that the browser denies or lacks. Call it before anything uses one. */
export function replaceDeniedStorage(): void {
  for (const name of ["localStorage", "sessionStorage"] as const) {
    try {
      // a web view without storage has null
      if (!window[name]) throw new TypeError(name);
    } catch {
      Object.defineProperty(window, name, { value: new PageStorage() });
    }
  }
}
