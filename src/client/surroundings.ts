/** What a browser tells of the network and of the page; in Node and Workers there is nothing to hear. */

interface SurroundingsListener {
  /** The network is there again, or the page is looked at again: what was waiting may try, what is open should be doubted. */
  readonly wakes: (event: Event) => void;
  /** The network is gone, as far as this machine knows. */
  readonly loses: () => void;
  /** The page will do nothing until it is looked at again. */
  readonly freezes: () => void;
  /** Another tab has written into the storage. */
  readonly moves: () => void;
  /** The page is being left; it may come back whole (`pageshow`). */
  readonly leaves: () => void;
}

/** Undefined where nobody knows. */
export const isOnline = (): boolean | undefined => globalThis.navigator?.onLine;

/** Returns what stops listening. */
export const listenToSurroundings = (listener: SurroundingsListener): (() => void) => {
  if (isOnline() === undefined) return () => {};
  const page: Document | undefined = globalThis.document;
  const listening = new AbortController();
  const on = (target: EventTarget | undefined, type: string, act: (event: Event) => void) =>
    target?.addEventListener(type, act, { signal: listening.signal });
  on(globalThis, "online", listener.wakes);
  on(globalThis, "offline", listener.loses);
  on(globalThis, "pageshow", listener.wakes);
  on(globalThis, "pagehide", listener.leaves);
  on(globalThis, "storage", listener.moves);
  on(page, "visibilitychange", (event) => page?.hidden || listener.wakes(event));
  on(page, "freeze", listener.freezes);
  on(page, "resume", listener.wakes);
  return () => listening.abort();
};
