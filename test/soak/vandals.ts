/** Clients that are broken: they never ack, talk nonsense, fall silent half-open, or say half a request. Each harms itself alone. */
import { connect } from "node:net";
import { instant } from "../proofs/clock.ts";
import { FaultyProxy } from "../proofs/faulty-proxy.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { Publisher } from "../support/publisher.ts";
import type { Random } from "../support/random.ts";

/** What a bad frame is answered with; or the server is just being killed. */
const NONSENSE: readonly (readonly [frame: string | Buffer | "flood", code: number])[] = [
  ["no JSON {", 4400],
  [Buffer.from([1, 2, 3]), 4400],
  ['{"type":"ack","seq":9007199254740991}', 4400],
  ['{"type":"ack"}', 4400],
  ['{"type":"launch"}', 4400],
  [`{"type":"ack","seq":1,"x":"${"y".repeat(17_000)}"}`, 4413],
  ["flood", 4429],
];

/** The same of a producer, which has sent something well-formed before. */
const NONSENSE_PUBLISHED = [
  "no JSON {",
  Buffer.from([1, 2, 3]),
  '{"type":"publish","ref":1}',
  '{"type":"ack","seq":1}',
] as const;

const VANDALS = ["never acks", "talks nonsense", "publishes nonsense", "falls silent", "half a request"] as const;
type Kind = (typeof VANDALS)[number];

export class Vandals {
  readonly did = new Map<string, number>();
  readonly violations: string[] = [];
  readonly #url: string;
  readonly #port: number;
  readonly #ackTimeoutMs: number;
  readonly #random: Random;
  /** A number that grows whenever the server is stopped: an end is no judgment then. */
  readonly #stops: () => number;

  constructor(at: {
    readonly url: string;
    readonly port: number;
    readonly ackTimeoutMs: number;
    readonly random: Random;
    readonly stops: () => number;
  }) {
    this.#url = at.url;
    this.#port = at.port;
    this.#ackTimeoutMs = at.ackTimeoutMs;
    this.#random = at.random;
    this.#stops = at.stops;
  }

  /** One of them, as another tab of a device that has a good one. */
  async once(user: string, device: string): Promise<void> {
    const kind = this.#random.pick(VANDALS);
    if (await this.#act(kind, user, device)) this.did.set(kind, (this.did.get(kind) ?? 0) + 1);
  }

  async #act(kind: Kind, user: string, device: string): Promise<boolean> {
    if (kind === "half a request") return this.#sayHalf();
    if (kind === "publishes nonsense") return this.#publishNonsense(user);
    if (kind === "falls silent") return this.#fallSilent(user, device);
    const stops = this.#stops();
    const connection = await this.#connect(this.#url, user, device);
    if (connection === undefined) return false;
    const [word, code] = kind === "never acks" ? (["", 4408] as const) : this.#random.pick(NONSENSE);
    if (word === "flood") for (let n = 0; n < 400; n += 1) connection.socket.send('{"type":"ack","seq":1}');
    else if (kind === "talks nonsense") connection.socket.send(word);
    // It may be that nothing is sent to this user for a while: then there is nothing to ack.
    const patienceMs = kind === "never acks" ? 2 * this.#ackTimeoutMs + 5_000 : 10_000;
    const end = await Promise.race([connection.closed, instant(performance.now() + patienceMs)]);
    connection.socket.terminate();
    const hadSome = connection.messages.length > 0;
    if (this.#stops() !== stops || (kind === "never acks" && !hadSome)) return false;
    if (end?.code !== code && !(kind === "talks nonsense" && end?.code === 1006))
      this.violations.push(
        `[C11] ${user}/${device} ${kind}: ${String(word).slice(0, 40)} ended with ${end?.code}, not ${code}`,
      );
    return true;
  }

  /** The server hears no end: it notices by the heartbeat, and by acks that do not come. */
  async #fallSilent(user: string, device: string): Promise<boolean> {
    const proxy = await FaultyProxy.start(this.#port);
    const connection = await this.#connect(proxy.url, user, device);
    connection?.socket.send('{"type":"ping"}');
    await instant(performance.now() + 200);
    proxy.forget();
    await instant(performance.now() + this.#random.int(1_000, 3 * this.#ackTimeoutMs));
    connection?.socket.terminate();
    proxy.stop();
    return connection !== undefined;
  }

  async #publishNonsense(user: string): Promise<boolean> {
    const stops = this.#stops();
    const publisher = new Publisher(this.#url, user);
    const refused = { type: "publish", ref: 1, messages: [{ type: "soak", wait: 1 }] };
    publisher.socket.on("open", () => {
      publisher.send(refused);
      publisher.socket.send(this.#random.pick(NONSENSE_PUBLISHED));
    });
    const end = await Promise.race([publisher.closed, instant(performance.now() + 10_000)]);
    publisher.socket.terminate();
    // Nobody was there, or went meanwhile.
    if (this.#stops() !== stops || publisher.frames.length === 0) return false;
    const told = publisher.frames.map(({ type }) => type).join(", ");
    if (end?.code !== 4400 || told !== "publisher_established, published, error")
      this.violations.push(
        `[P3] ${user}: a publisher's nonsense was answered with ${told}, and ended with ${end?.code}`,
      );
    return true;
  }

  async #sayHalf(): Promise<boolean> {
    const socket = connect({ port: this.#port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.write(
      this.#random.pick([
        "GET /v1/socket HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n",
        "POST /v1/users/busy-0/messages HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n{",
        "\u0000\u0001\u0002\r\n\r\n",
      ]),
    );
    await instant(performance.now() + this.#random.int(100, 3_000));
    socket.destroy();
    return true;
  }

  async #connect(url: string, user: string, device: string): Promise<Connection | undefined> {
    const token = await mintLocally(user);
    const attempt = await Connection.attempt(url, { token, device, tolerant: true }).catch(() => undefined);
    return attempt?.outcome === "established" ? attempt.connection : undefined;
  }
}
