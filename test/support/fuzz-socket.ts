import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

/** What came from the server: a text frame, or the end with its close code (undefined where TCP ended without one). */
export type Event = { readonly text: string } | { readonly end: number | undefined };

export interface Heard {
  readonly texts: readonly string[];
  /** Undefined is silence. */
  readonly last: Event | undefined;
}

/** How long bytes that leave the server waiting for more are waited for. */
export const SILENCE_MS = 60;
/** RFC 6455, section 7.4.1: what is no frame at all never reaches the Mailbox. */
export const NO_FRAMES: ReadonlySet<number | undefined> = new Set([undefined, 1000, 1002, 1007, 1009]);

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;

/** A masked client frame (RFC 6455, section 5.2). */
export const clientFrame = (payload: string | Buffer, opcode = typeof payload === "string" ? TEXT : BINARY): Buffer => {
  const bytes = Buffer.from(payload);
  const mask = randomBytes(4);
  const long = bytes.length < 126 ? 0 : bytes.length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + long);
  head[0] = 0x80 | opcode;
  head[1] = 0x80 | (long === 0 ? bytes.length : long === 2 ? 126 : 127);
  if (long === 2) head.writeUInt16BE(bytes.length, 2);
  if (long === 8) head.writeBigUInt64BE(BigInt(bytes.length), 2);
  const masked = Buffer.from(bytes.map((byte, at) => byte ^ (mask[at % 4] as number)));
  return Buffer.concat([head, mask, masked]);
};

/** A socket on bare TCP: unlike a client library it sends whatever bytes it is told to. */
export class RawSocket {
  readonly #tcp: Socket;
  readonly #events: Event[] = [];
  #bytes = Buffer.alloc(0);
  #isOpen = false;
  #hasEnded = false;
  #wake: () => void = () => {};

  /** Opens the route with a credential that it takes, and throws where the handshake is refused. */
  static async open(port: number, credential: string, path = "/v1/socket"): Promise<RawSocket> {
    const socket = new RawSocket(port, credential, path);
    const first = await socket.next(10_000);
    if (first === undefined || "end" in first) throw new Error(`No attach: ${JSON.stringify(first)}`);
    return socket;
  }

  private constructor(port: number, credential: string, path: string) {
    this.#tcp = connect({ port, host: "127.0.0.1", noDelay: true });
    this.#tcp.on("data", (chunk: Buffer) => this.#take(chunk));
    this.#tcp.on("error", () => {});
    this.#tcp.on("close", () => this.#ended(undefined));
    this.#tcp.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nAuthorization: Bearer ${credential}\r\n\r\n`,
    );
  }

  send(bytes: Buffer): void {
    if (!this.#tcp.destroyed) this.#tcp.write(bytes);
  }

  /** The next event; undefined where none comes in time. */
  async next(deadlineMs: number): Promise<Event | undefined> {
    if (this.#events.length === 0) {
      await new Promise<void>((done) => {
        const deadline = setTimeout(done, deadlineMs);
        this.#wake = () => {
          clearTimeout(deadline);
          done();
        };
      });
    }
    return this.#events.shift();
  }

  /** Reads on through the text that `isLast`, to the end, or until there is silence. */
  async through(isLast: (text: string) => boolean, silenceMs: number): Promise<Heard> {
    const texts: string[] = [];
    for (;;) {
      const last = await this.next(silenceMs);
      if (last === undefined || "end" in last) return { texts, last };
      texts.push(last.text);
      if (isLast(last.text)) return { texts, last };
    }
  }

  cut(): void {
    this.#tcp.destroy();
  }

  #take(chunk: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    if (!this.#isOpen) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end === -1) return;
      if (!this.#bytes.subarray(0, 13).equals(Buffer.from("HTTP/1.1 101 "))) {
        this.#tcp.destroy();
        return;
      }
      this.#bytes = this.#bytes.subarray(end + 4);
      this.#isOpen = true;
    }
    for (let frame = this.#frame(); frame !== undefined; frame = this.#frame()) {
      if (frame.opcode === CLOSE) this.#ended(frame.payload.length >= 2 ? frame.payload.readUInt16BE(0) : undefined);
      else if (frame.opcode === TEXT) this.#happened({ text: frame.payload.toString() });
    }
  }

  /** A whole frame of the server, which never masks and here never fragments. */
  #frame(): { readonly opcode: number; readonly payload: Buffer } | undefined {
    const bytes = this.#bytes;
    if (bytes.length < 2) return undefined;
    const short = (bytes[1] as number) & 0x7f;
    const long = short < 126 ? 0 : short === 126 ? 2 : 8;
    if (bytes.length < 2 + long) return undefined;
    const length = long === 0 ? short : long === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
    if (bytes.length < 2 + long + length) return undefined;
    this.#bytes = bytes.subarray(2 + long + length);
    return { opcode: (bytes[0] as number) & 0x0f, payload: bytes.subarray(2 + long, 2 + long + length) };
  }

  #ended(code: number | undefined): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#happened({ end: code });
    this.#tcp.destroy();
  }

  #happened(event: Event): void {
    this.#events.push(event);
    this.#wake();
  }
}
