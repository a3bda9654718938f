/** The browser's WebSocket, with a wire that can be watched and broken. The client library does not know. */

/** A frame that went through the page's socket. */
export interface Frame {
  readonly direction: "in" | "out";
  readonly text: string;
}

export class DemoSocket extends WebSocket {
  static #open = new Set<DemoSocket>();
  static #isRefusing = false;
  static watch: (frame: Frame) => void = () => {};
  #isBroken = false;

  constructor(url: string, protocols: string[]) {
    super(url, protocols);
    DemoSocket.#open.add(this);
    // These hear everything first, and keep from the library what a broken wire would not have brought.
    this.addEventListener("message", (event) => {
      if (this.#isBroken) event.stopImmediatePropagation();
      else DemoSocket.watch({ direction: "in", text: String(event.data) });
    });
    this.addEventListener("close", (event) => {
      DemoSocket.#open.delete(this);
      if (this.#isBroken && event.isTrusted) event.stopImmediatePropagation();
    });
    if (DemoSocket.#isRefusing) this.close();
  }

  override send(text: string): void {
    if (this.#isBroken) return;
    DemoSocket.watch({ direction: "out", text });
    super.send(text);
  }

  /** Breaks what is open: the server sees it close at once, the library after a while, as one sees that a network is broken. */
  static break(noticedAfterMs: number): void {
    for (const socket of DemoSocket.#open) {
      socket.#isBroken = true;
      socket.close();
      setTimeout(() => socket.dispatchEvent(new CloseEvent("close", { code: 1006 })), noticedAfterMs);
    }
  }

  /** Breaks what is open and lets no new one through; the page is told as a browser tells it. */
  static goOffline(forMs: number): void {
    DemoSocket.#isRefusing = true;
    Object.defineProperty(navigator, "onLine", { configurable: true, get: () => false });
    DemoSocket.break(0);
    dispatchEvent(new Event("offline"));
    setTimeout(() => {
      DemoSocket.#isRefusing = false;
      // The browser's own answer stands in its prototype.
      Reflect.deleteProperty(navigator, "onLine");
      dispatchEvent(new Event("online"));
    }, forMs);
  }
}
