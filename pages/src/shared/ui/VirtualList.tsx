/**
 * A list of rows of any height, of which only those near the view are in the document. It stays where the reader is when rows
 * come before them or change their height, and at its end when the reader is at the end.
 */
import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useLayoutEffect, useReducer, useRef } from "preact/hooks";

const ESTIMATE = 64;
const MARGIN = 600;
const AT_END = 48;
const NEAR_START = 400;

interface Props<T extends { key: string }> {
  rows: readonly T[];
  render: (row: T) => ComponentChildren;
  label: string;
  /** Called when the reader comes near the first row. */
  onNearStart?: () => void;
  /** Called when the reader comes to the end, or leaves it. */
  onAtEnd?: (isAtEnd: boolean) => void;
  /** What stands above the first row. */
  head?: ComponentChildren;
  /** Gives the owner a way to go to the end. */
  control?: { current: (() => void) | null };
}

export function VirtualList<T extends { key: string }>({ rows, render, label, onNearStart, onAtEnd, head, control }: Props<T>) {
  const [, update] = useReducer((count: number) => count + 1, 0);
  const view = useRef<HTMLDivElement>(null);
  const top = useRef<HTMLDivElement>(null);
  const heights = useRef(new Map<string, number>());
  const isAtEnd = useRef(true);
  const lastTop = useRef(0);
  const anchor = useRef<{ key: string; within: number } | null>(null);

  const offsets = new Float64Array(rows.length + 1);
  for (const [index, row] of rows.entries()) offsets[index + 1] = offsets[index]! + (heights.current.get(row.key) ?? ESTIMATE);
  const total = offsets[rows.length] ?? 0;

  const headHeight = () => top.current?.offsetHeight ?? 0;
  const from = (view.current?.scrollTop ?? Number.MAX_SAFE_INTEGER) - headHeight();
  const height = view.current?.clientHeight ?? 800;
  const start = isAtEnd.current ? Math.max(0, total - height) : Math.max(0, from);
  const first = Math.max(0, indexAt(offsets, rows.length, start - MARGIN));
  const last = Math.min(rows.length, indexAt(offsets, rows.length, start + height + MARGIN) + 1);

  const observer = useRef<ResizeObserver | null>(null);
  observer.current ??= new ResizeObserver((entries) => {
    let changed = false;
    for (const { target } of entries) {
      const element = target as HTMLElement;
      const key = element.dataset.key;
      if (key === undefined) changed = true;
      else if (element.isConnected && heights.current.get(key) !== element.offsetHeight) {
        heights.current.set(key, element.offsetHeight);
        changed = true;
      }
    }
    if (changed) update(0);
  });

  useEffect(() => {
    if (view.current) observer.current?.observe(view.current);
    return () => observer.current?.disconnect();
  }, []);

  // the place of the reader, before the browser paints
  useLayoutEffect(() => {
    const element = view.current;
    if (!element) return;
    if (isAtEnd.current) element.scrollTop = element.scrollHeight;
    else if (anchor.current) {
      const index = rows.findIndex((row) => row.key === anchor.current?.key);
      if (index >= 0) {
        const wanted = offsets[index]! + anchor.current.within + headHeight();
        if (Math.abs(element.scrollTop - wanted) > 1) element.scrollTop = wanted;
      }
    }
    lastTop.current = element.scrollTop;
  });

  const onScroll = () => {
    const element = view.current;
    if (!element) return;
    const wasAtEnd = isAtEnd.current;
    // rows that grow move the end away; only who goes up leaves it
    const stays = wasAtEnd && element.scrollTop >= lastTop.current;
    isAtEnd.current = stays || element.scrollHeight - element.scrollTop - element.clientHeight < AT_END;
    lastTop.current = element.scrollTop;
    const at = Math.max(0, element.scrollTop - headHeight());
    const index = Math.min(rows.length - 1, indexAt(offsets, rows.length, at));
    const row = rows[index];
    anchor.current = row ? { key: row.key, within: element.scrollTop - headHeight() - offsets[index]! } : null;
    if (wasAtEnd !== isAtEnd.current) onAtEnd?.(isAtEnd.current);
    if (element.scrollTop < NEAR_START) onNearStart?.();
    update(0);
  };

  // a list that does not fill its view has no scrolling that would ask for more
  useEffect(() => {
    const element = view.current;
    if (element && element.clientHeight > 0 && element.scrollHeight <= element.clientHeight + NEAR_START) onNearStart?.();
  });

  if (control) {
    control.current = () => {
      isAtEnd.current = true;
      onAtEnd?.(true);
      update(0);
    };
  }

  const measure = useCallback((element: HTMLElement | null) => {
    if (element) observer.current?.observe(element);
  }, []);

  return (
    <div class="virtual-list" ref={view} onScroll={onScroll} role="log" aria-live="off" aria-label={label} tabIndex={0}>
      <div ref={top}>{head}</div>
      <div style={{ height: `${offsets[first] ?? 0}px` }} />
      {rows.slice(first, last).map((row) => (
        <div key={row.key} data-key={row.key} class="virtual-row" ref={measure}>
          {render(row)}
        </div>
      ))}
      <div style={{ height: `${total - (offsets[last] ?? total)}px` }} />
    </div>
  );
}

/** The index of the row at a height, by halving. */
function indexAt(offsets: Float64Array, count: number, height: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsets[middle + 1]! <= height) low = middle + 1;
    else high = middle;
  }
  return low;
}
