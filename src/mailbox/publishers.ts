/**
 * The sockets of those who only send (P). They are nobody's connection: no session knows of them, no device, no count. The runtime
 * keeps them while the object sleeps, and what is attached to them tells them from the others when it wakes.
 */
import { LIMITS } from "../protocol/limits.ts";
import { PUBLISH_HEADER, type PublishCall } from "../protocol/mailbox-api.ts";
import { publisherEstablishedFrame } from "../protocol/publish-frames.ts";
import { Publisher, type Send } from "./publisher.ts";

interface Attachment {
  readonly v: 1;
  /** Not `id`, which is a connection's. */
  readonly publisher: string;
  /** Unix milliseconds. */
  readonly openedAt: number;
  readonly user?: string;
}

const TAG = "publisher";

export class Publishers {
  readonly #ctx: DurableObjectState;
  readonly #heartbeatMs: number;
  readonly #send: Send;
  readonly #awake = new Map<string, Publisher>();

  constructor(ctx: DurableObjectState, heartbeatMs: number, send: Send) {
    this.#ctx = ctx;
    this.#heartbeatMs = heartbeatMs;
    this.#send = send;
  }

  /** Undefined where the request is for something else. */
  accept(headers: Headers): Response | undefined {
    const call = headers.get(PUBLISH_HEADER);
    if (call === null) return undefined;
    const { user, tag } = JSON.parse(decodeURIComponent(call)) as PublishCall;
    this.#makeRoom();
    const publisher = `${tag}.${crypto.randomUUID()}`;
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [TAG]);
    server.serializeAttachment({ v: 1, publisher, openedAt: Date.now(), user } satisfies Attachment);
    server.send(publisherEstablishedFrame({ connectionId: publisher, user, heartbeatMs: this.#heartbeatMs }));
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Takes a frame; false where the socket is no publisher's. */
  receive(socket: WebSocket, message: string | ArrayBuffer): boolean {
    const attachment = attachmentOf(socket);
    if (attachment === undefined) return false;
    this.#wake(attachment, socket).receive(typeof message === "string" ? message : undefined);
    return true;
  }

  #wake({ publisher: id, user }: Attachment, socket: WebSocket): Publisher {
    const awake = this.#awake.get(id);
    if (awake !== undefined) return awake;
    const send: Send = (call) => this.#send(user === undefined ? call : { ...call, user });
    const publisher = new Publisher(socket, send, () => this.#awake.delete(id));
    this.#awake.set(id, publisher);
    return publisher;
  }

  /** Its socket has gone; what it has sent is done all the same (S13). */
  forget(socket: WebSocket): void {
    const id = attachmentOf(socket)?.publisher;
    if (id !== undefined) this.#awake.delete(id);
  }

  /** Sockets can outlive who held them: where there are too many, the one that was quiet for longest gives way. */
  #makeRoom(): void {
    const open = this.#ctx.getWebSockets(TAG).filter((socket) => socket.readyState === WebSocket.OPEN);
    if (open.length < LIMITS.publishersMax) return;
    const [quietest] = open.sort((a, b) => this.#heardAt(a) - this.#heardAt(b));
    const attachment = quietest && attachmentOf(quietest);
    if (quietest !== undefined && attachment !== undefined) this.#wake(attachment, quietest).replace();
  }

  #heardAt(socket: WebSocket): number {
    const pingedAt = this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0;
    const { publisher = "", openedAt = 0 } = attachmentOf(socket) ?? {};
    return Math.max(pingedAt, openedAt, this.#awake.get(publisher)?.heardAt ?? 0);
  }
}

const attachmentOf = (socket: WebSocket): Attachment | undefined => {
  const attachment = socket.deserializeAttachment() as Partial<Attachment> | null;
  return attachment?.publisher === undefined ? undefined : (attachment as Attachment);
};
