/** The Mailbox's open sockets, by connection: the runtime keeps them while the object sleeps, and they are found again when it wakes. */
import type { Attachment, Session } from "../delivery/session.ts";

export class Sockets {
  readonly #ctx: DurableObjectState;
  readonly #open = new Map<string, WebSocket>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
  }

  get count(): number {
    return this.#open.size;
  }

  /** Looks for those that are open, and gives what is attached to them; the one that is `ending` counts: its end is still to be noted. */
  find(ending?: WebSocket): readonly Attachment[] {
    this.#open.clear();
    // Closing ones are listed, too; the one whose end is being told may be listed no more.
    const open = this.#ctx.getWebSockets().filter((socket) => socket.readyState === WebSocket.OPEN);
    for (const socket of ending === undefined ? open : [...open, ending]) {
      const connection = connectionOf(socket);
      if (connection !== undefined) this.#open.set(connection, socket);
    }
    return [...this.#open.values()].map((socket) => socket.deserializeAttachment() as Attachment);
  }

  accept(connection: string, socket: WebSocket): void {
    this.#ctx.acceptWebSocket(socket);
    this.#open.set(connection, socket);
  }

  /** Attaches a session's state to its socket, where it outlives a hibernation. */
  keep(session: Session): void {
    this.#open.get(session.id)?.serializeAttachment(session.attachment());
  }

  send(connection: string, text: string): void {
    this.#use(connection, (socket) => socket.send(text));
  }

  close(connection: string, code: number, reason: string): void {
    this.#use(connection, (socket) => {
      // A socket that is closing may still be listed when the object wakes: it is nobody's any more.
      socket.serializeAttachment(null);
      socket.close(code, reason);
    });
    this.forget(connection);
  }

  forget(connection: string): void {
    this.#open.delete(connection);
  }

  /** When the runtime last answered a ping of it by itself, in Unix milliseconds; undefined = never. */
  autoPingedAt(connection: string): number | undefined {
    const socket = this.#open.get(connection);
    return socket === undefined ? undefined : this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime();
  }

  #use(connection: string, act: (socket: WebSocket) => void): void {
    const socket = this.#open.get(connection);
    if (socket === undefined) return;
    try {
      act(socket);
    } catch {
      // It has gone meanwhile: its close event is on its way, and what it was sent is still held.
    }
  }
}

/** Which connection a socket is; undefined for one that the Mailbox has closed. */
export const connectionOf = (socket: WebSocket): string | undefined =>
  (socket.deserializeAttachment() as Attachment | null)?.id;
