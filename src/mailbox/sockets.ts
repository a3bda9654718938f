/** The Mailbox's open sockets, by connection: the runtime keeps them while the object sleeps, and they are found again when it wakes. */
import type { Session, Attachment as SessionAttachment } from "../delivery/session.ts";
import type { Gathered } from "./gathering.ts";

/** A connection's own, and on one of them what the Mailbox has measured (M1). */
type Attachment = SessionAttachment & { readonly gathered?: Gathered };

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

  has(connection: string): boolean {
    return this.#open.has(connection);
  }

  /** One that is open; undefined where none is. */
  any(): string | undefined {
    return this.#open.keys().next().value;
  }

  /** Attaches a session's state to its socket, where it outlives a hibernation. */
  keep(session: Session, gathered: Gathered | undefined): void {
    const socket = this.#open.get(session.id);
    if (socket !== undefined) attach(socket, session.attachment(), gathered);
  }

  /** The same where of its session nothing has changed. */
  keepGathered(connection: string, gathered: Gathered | undefined): void {
    const socket = this.#open.get(connection);
    if (socket === undefined) return;
    const attachment = socket.deserializeAttachment() as Attachment | null;
    if (attachment === null) return;
    const { gathered: _, ...session } = attachment;
    attach(socket, session, gathered);
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

/**
 * Attaches all that fits into 16,384 bytes. A window of which each entry was sent at a time of its own takes most of them: then what is
 * measured, and in the end what trails are told from, rests in memory alone. What is in flight always fits.
 */
const attach = (socket: WebSocket, session: SessionAttachment, gathered: Gathered | undefined): void => {
  const { times: _, answered: __, ...rest } = session;
  for (const whole of gathered === undefined ? [session] : [{ ...session, gathered }, session]) {
    try {
      return socket.serializeAttachment(whole);
    } catch {
      // Too large.
    }
  }
  socket.serializeAttachment(rest);
};

/** Which connection a socket is; undefined for one that the Mailbox has closed. */
export const connectionOf = (socket: WebSocket): string | undefined =>
  (socket.deserializeAttachment() as Attachment | null)?.id;
