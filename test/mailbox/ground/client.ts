/** A client of `restante.v1` inside workerd: it keeps and checks every frame, and acks only what it is told to. */
import type { Frame, FrameOf, FrameType, GapFrame, ReceivedMessage } from "../../support/received.ts";
import { Signal } from "../../support/signal.ts";
import { StreamCheck } from "../../support/stream-check.ts";

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

export class Client {
  /** Every frame but pongs. */
  readonly frames: Frame[] = [];
  /** Their texts, as they came. */
  readonly texts: string[] = [];
  readonly #socket: WebSocket;
  readonly #check = new StreamCheck();
  readonly #signal = new Signal();
  #end: Closed | undefined;
  #toSwallow = 0;
  #pings = 0;
  #pongs = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const frame = JSON.parse(String(data)) as Frame;
      if (frame.type !== "pong" && this.#toSwallow > 0) {
        this.#toSwallow -= 1;
        return;
      }
      if (frame.type === "pong") {
        this.#pongs += 1;
      } else {
        this.texts.push(String(data));
        this.frames.push(frame);
        this.#check.accept(frame);
      }
      this.#signal.tell();
    });
    socket.addEventListener("close", ({ code, reason }) => this.#ended({ code, reason }));
    socket.addEventListener("error", () => this.#ended({ code: 1006, reason: "" }));
    socket.accept();
  }

  #ended(closed: Closed): void {
    this.#end ??= closed;
    try {
      this.#socket.close(closed.code === 1005 || closed.code === 1006 ? 1000 : closed.code);
    } catch {
      // Closed both ways already.
    }
    this.#signal.tell();
  }

  get established(): FrameOf<"connection_established"> {
    const first = this.frames[0];
    if (first?.type !== "connection_established") throw new Error(`Not established: ${JSON.stringify(first)}`);
    return first;
  }

  get id(): string {
    return this.established.connection_id;
  }

  get messages(): readonly ReceivedMessage[] {
    return this.frames.flatMap((f) => (f.type === "messages" ? f.messages : []));
  }

  /** The types of all messages so far: tests name their messages by type. */
  get types(): readonly string[] {
    return this.messages.map((m) => m.type);
  }

  get gaps(): readonly GapFrame[] {
    return this.of("gap");
  }

  /** What a stream must keep and this one did not. */
  get violations(): readonly string[] {
    return this.#check.violations;
  }

  get lastSeq(): number {
    return this.#check.lastSeq;
  }

  get isOpen(): boolean {
    return this.#end === undefined;
  }

  of<T extends FrameType>(type: T): readonly FrameOf<T>[] {
    return this.frames.filter((f): f is FrameOf<T> => f.type === type);
  }

  /** Awaits that so many frames have come, confirmation included. */
  async count(frames: number, deadlineMs?: number): Promise<void> {
    await this.#until(() => (this.frames.length >= frames ? true : undefined), `${frames} frames`, deadlineMs);
  }

  /** Awaits the `n`-th frame of a type. */
  async nth<T extends FrameType>(type: T, n: number, deadlineMs?: number): Promise<FrameOf<T>> {
    return this.#until(() => this.of(type)[n - 1], `${type} number ${n}`, deadlineMs);
  }

  caughtUp(deadlineMs?: number): Promise<FrameOf<"caught_up">> {
    return this.nth("caught_up", 1, deadlineMs);
  }

  /** Awaits that so many messages have come in all. */
  async received(count: number, deadlineMs?: number): Promise<readonly ReceivedMessage[]> {
    const enough = () => (this.messages.length >= count ? this.messages : undefined);
    return this.#until(enough, `${count} messages`, deadlineMs);
  }

  closed(deadlineMs?: number): Promise<Closed> {
    return this.#until(() => this.#end, "close", deadlineMs);
  }

  #until<T>(found: () => T | undefined, what: string, deadlineMs?: number): Promise<T> {
    const instead = () => `closed: ${JSON.stringify(this.#end)}; came: ${this.texts.join("\n").slice(-1_500)}`;
    return this.#signal.until(found, { what, deadlineMs, instead });
  }

  /**
   * Proves that nothing else is on its way: the Mailbox itself answers this ping, after all that it has sent before. It then counts
   * as a client that pings (C8).
   */
  settle(): Promise<number> {
    return this.ping('{ "type": "ping" }');
  }

  /** Awaits a pong. The runtime answers C8's exact text, past frames that still await the disk. */
  ping(text = '{"type":"ping"}'): Promise<number> {
    this.#pings += 1;
    const pings = this.#pings;
    this.text(text);
    return this.#until(() => (this.#pongs >= pings ? this.#pongs : undefined), `pong number ${pings}`);
  }

  /** The next so many frames are lost on their way. */
  swallow(frames: number): void {
    this.#toSwallow += frames;
  }

  ack(seq = this.lastSeq, checkpoint?: number): void {
    this.json(checkpoint === undefined ? { type: "ack", seq } : { type: "ack", seq, checkpoint });
  }

  /** Acks, and awaits that the Mailbox has taken it. */
  async acked(seq = this.lastSeq, checkpoint?: number): Promise<void> {
    this.ack(seq, checkpoint);
    await this.settle();
  }

  async rejected(seq: number, reason: string): Promise<void> {
    this.json({ type: "reject", seq, reason });
    await this.settle();
  }

  json(frame: unknown): void {
    this.text(JSON.stringify(frame));
  }

  text(text: string): void {
    this.#socket.send(text);
  }

  binary(bytes: Uint8Array): void {
    this.#socket.send(bytes);
  }

  /** Starts the closing handshake, and awaits the other side's answer. */
  close(code = 1000): Promise<Closed> {
    this.#socket.close(code);
    return this.closed();
  }
}
