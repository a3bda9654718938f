/** Which carrier is tried: a WebSocket, and Server-Sent Events where a proxy lets no socket through but other requests pass (C10). */
import type { Open } from "./carrier.ts";
import { openEventStream } from "./event-stream.ts";
import { isAlive } from "./refusal.ts";
import type { Carrier } from "./status.ts";
import { openWebSocket, type WebSocketConstructor } from "./web-socket.ts";

/** Sockets that never opened, in a row, until events are tried. The next load of the page begins with sockets again. */
const SOCKETS_BEFORE_EVENTS = 3;

export class Carriers {
  name: Carrier = "events";
  open: Open = openEventStream;
  #failed = 0;

  /** Without sockets, as in Node 20, there are events. */
  constructor(Socket: WebSocketConstructor | undefined) {
    if (Socket === undefined) return;
    this.name = "socket";
    this.open = openWebSocket(Socket);
  }

  succeeded(): void {
    this.#failed = 0;
  }

  /** An attempt came to nothing, and nobody said why. True where another carrier is to be tried now: there is nothing to wait for. */
  async failed(base: URL): Promise<boolean> {
    this.#failed += 1;
    if (this.name === "events" || this.#failed < SOCKETS_BEFORE_EVENTS || !(await isAlive(base))) return false;
    this.name = "events";
    this.open = openEventStream;
    return true;
  }
}
