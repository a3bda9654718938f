/** A TCP proxy in front of the server that does to connections what networks do: cuts, freezes, forgets, slows down, closes by halves, loses. */
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { type Phase, Units } from "./wire-units.ts";

/** What becomes of a head of HTTP, a text frame, or a chunk of an event stream; `halve`: a half of it passes, then the connection is reset. */
export type Fate = "pass" | "lose" | "halve";
export type Judge = (text: string, to: "client" | "server") => Fate;

const HOST = "127.0.0.1";
/** A slow line carries a slice at every tick. */
const TICK_MS = 5;

export class FaultyProxy {
  /** Asked for every text that passes. */
  judge: Judge;
  /** Every unit waits so long, one after another. */
  delayMs = 0;
  /** Of a slow line; undefined = as fast as it goes. */
  bytesPerTick: number | undefined;
  readonly #targetPort: number;
  readonly #links = new Set<Link>();
  #server: Server | undefined;
  #port = 0;
  /** Resolves when the network thaws; undefined = it is not frozen. */
  #frozen: Promise<void> | undefined;
  #thaw = () => {};

  static async start(targetPort: number, judge: Judge = () => "pass"): Promise<FaultyProxy> {
    const proxy = new FaultyProxy(targetPort, judge);
    await proxy.listen();
    return proxy;
  }

  private constructor(targetPort: number, judge: Judge) {
    this.#targetPort = targetPort;
    this.judge = judge;
  }

  get url(): string {
    return `http://${HOST}:${this.#port}`;
  }

  /** Streams that are open and not forgotten. */
  get streams(): number {
    return [...this.#links].filter(
      ({ fromServer, client, held }) => fromServer.phase !== "http" && client.writable && held === undefined,
    ).length;
  }

  /** Cuts all connections: with a reset, or with an orderly end that says nothing above TCP. */
  cut(how: "reset" | "end"): void {
    for (const link of this.#links) {
      if (how === "reset") link.reset();
      else for (const socket of link.both) socket.end();
    }
  }

  /** Ends one direction of all connections; the other goes on. */
  halfClose(to: "client" | "server"): void {
    for (const link of this.#links) (to === "client" ? link.client : link.upstream).end();
  }

  /** Nothing passes until `thaw`: connections are accepted, and stay silent. */
  freeze(): void {
    this.#frozen ??= new Promise((thaw) => {
      this.#thaw = thaw;
    });
  }

  thaw(): void {
    this.#frozen = undefined;
    this.#thaw();
  }

  /** Nothing passes any more on the connections that are open now, and nobody is told: a router lost its table. */
  forget(): void {
    for (const link of this.#links) link.held = new Promise(() => {});
  }

  /** Refuses new connections until `listen`. */
  refuse(): void {
    this.#server?.close();
    this.#server = undefined;
  }

  async listen(): Promise<void> {
    const server = createServer({ allowHalfOpen: true }, (client) => this.#join(client));
    this.#server = server;
    await new Promise<void>((done, failed) => {
      server.once("error", failed);
      server.listen(this.#port, HOST, done);
    });
    this.#port = (server.address() as AddressInfo).port;
  }

  /** Ends all streams as a server does that is restarted: with a close frame, or its event. */
  sayClose(code: number): void {
    for (const link of this.#links) {
      const words = closeOf(code, link.fromServer.phase);
      if (words !== undefined && link.held === undefined && link.client.writable) link.client.end(words);
      else link.reset();
    }
  }

  stop(): void {
    this.refuse();
    this.thaw();
    for (const link of this.#links) link.reset();
  }

  #join(client: Socket): void {
    const link = new Link(client, connect({ port: this.#targetPort, host: HOST, allowHalfOpen: true }));
    this.#links.add(link);
    for (const socket of link.both) {
      socket.on("close", (hadError) => {
        if (link.both.every(({ closed }) => closed)) this.#links.delete(link);
        // Gone for both directions, though one of them may have ended before.
        if (hadError) void this.#open(link).then(() => link.reset());
      });
    }
    void this.#carry(link, "server", new Units());
    void this.#carry(link, "client", link.fromServer);
  }

  async #carry(link: Link, towards: "client" | "server", units: Units): Promise<void> {
    const [from, to] = towards === "client" ? [link.upstream, link.client] : [link.client, link.upstream];
    try {
      for await (const bytes of from.iterator({ destroyOnReturn: false })) {
        for (const unit of units.push(bytes)) {
          const fate = unit.text === undefined ? "pass" : this.judge(unit.text, towards);
          const bytes = unit.isHead === true ? withoutExtensions(unit.bytes) : unit.bytes;
          if (fate !== "lose") await this.#pass(fate === "halve" ? half(bytes) : bytes, to, link);
          // A request is lost with its connection only.
          if (fate === "halve" || (fate === "lose" && unit.isHead === true)) return link.reset();
        }
      }
      await this.#open(link);
      to.end();
    } catch {
      // The one side is gone without a word, and so is the other.
      await this.#open(link);
      link.reset();
    }
  }

  async #pass(bytes: Buffer, to: Socket, link: Link): Promise<void> {
    await this.#open(link);
    if (this.delayMs > 0) await pause(this.delayMs);
    for (let at = 0; at < bytes.length; ) {
      const slice = this.bytesPerTick;
      const until = slice === undefined ? bytes.length : at + slice;
      if (slice !== undefined) await pause(TICK_MS);
      // A network that freezes does so in the middle, too.
      await this.#open(link);
      if (!to.writable) return;
      const hasRoom = to.write(bytes.subarray(at, until));
      at = until;
      if (!hasRoom) await drained(to);
    }
  }

  async #open(link: Link): Promise<void> {
    while (this.#frozen !== undefined || link.held !== undefined) await (link.held ?? this.#frozen);
  }
}

/** One connection of a client, and the one to the server that carries it on. */
class Link {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly fromServer = new Units();
  /** For ever pending where nothing passes any more. */
  held: Promise<void> | undefined;

  constructor(client: Socket, upstream: Socket) {
    this.client = client;
    this.upstream = upstream;
    for (const socket of this.both) {
      socket.setNoDelay(true);
      // Told by the end of its iterator, too.
      socket.on("error", () => {});
    }
  }

  get both(): readonly Socket[] {
    return [this.client, this.upstream];
  }

  reset(): void {
    for (const socket of this.both) socket.resetAndDestroy();
  }
}

/** Nobody is offered compression (RFC 7692), so that frames can be read here, and one can be lost without the next being spoilt. */
const withoutExtensions = (head: Buffer): Buffer =>
  Buffer.from(head.toString("latin1").replace(/^sec-websocket-extensions:.*\r\n/im, ""), "latin1");

const half = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length / 2);

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

const drained = (to: Socket): Promise<void> =>
  new Promise((done) => {
    to.once("drain", done);
    to.once("close", done);
  });

/** A close in the words of what carries the stream; undefined where it is no stream. */
const closeOf = (code: number, phase: Phase): Buffer | undefined => {
  if (phase === "frames") return Buffer.from([0x88, 2, code >> 8, code & 0xff]);
  if (phase === "http") return undefined;
  const event = `event: close\ndata: {"code":${code},"reason":""}\n\n`;
  return Buffer.from(`${event.length.toString(16)}\r\n${event}\r\n0\r\n\r\n`);
};
