/**
 * An inbox: it sees to it that there is a connection, again and again, and that each message is processed once and in order.
 *
 * The states and what leads from one to the next are drawn in `status.ts`.
 */
import { Away } from "./away.ts";
import { Backoff } from "./backoff.ts";
import { Carriers } from "./carriers.ts";
import { Connection, type Ending, type EstablishedFrame, type Rejected } from "./connection.ts";
import { storedDevice } from "./device.ts";
import { InboxError } from "./inbox-error.ts";
import type { EventMap, Message } from "./message.ts";
import { baseOf, type ConnectOptions } from "./options.ts";
import { type Entry, Processing } from "./processing.ts";
import type { Status } from "./status.ts";
import { isOnline, listenToSurroundings } from "./surroundings.ts";
import { type Token, TokenSource } from "./token-source.ts";
import { verdictOf } from "./verdict.ts";

const CONNECT_TIMEOUT_MS = 10_000;
/** How long the app may take to give a token. */
const TOKEN_MS = 15_000;
/** A reject's reason, in characters (PROTOCOL.md, Limits). */
const REASON_MAX_CHARS = 1_000;
/** A connection that ended sooner than this is not followed by another at once. */
const CIRCLE_MS = 1_000;
/** A browser may be wrong about being offline: it is tried all the same, so often. */
const OFFLINE_RETRY_MS = 30_000;
/** Timers stand still while a machine sleeps; a wait is looked at again so often. */
const LOOK_MS = 2_000;

export class Inbox<Events extends object = EventMap> {
  readonly #options: ConnectOptions<Events>;
  readonly #base: URL;
  readonly #tokens: TokenSource;
  readonly #carriers: Carriers;
  readonly #backoff = new Backoff();
  readonly #processing: Processing;
  readonly #away = new Away();
  readonly #rejects = new Map<number, Rejected>();
  readonly #listeners = new Set<(status: Status) => void>();
  #status: Status = { state: "connecting", attempt: 0 };
  #deafen: () => void = () => {};
  #connection: Connection | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #attempts = 0;
  /** Counts turns of fate: what an attempt of an older era still brings is ignored. */
  #era = 0;
  /** The last connection was ended for its token's sake, and none was established since. */
  #tokenWasRefused = false;
  #user: unknown;
  #connectMs: number | undefined;
  #checkpoint: number | undefined;

  constructor(options: ConnectOptions<Events>) {
    if (typeof options?.onMessage !== "function") throw new TypeError("`onMessage` is required.");
    this.#options = options;
    this.#base = baseOf(options.url);
    this.#tokens = new TokenSource(options.token);
    this.#carriers = new Carriers(options.WebSocket ?? globalThis.WebSocket);
    this.#processing = new Processing({
      handle: (entry) => this.#handle(entry),
      processed: (isIdle) => this.#connection?.progressed(isIdle),
      failed: (error, entry) => {
        if (entry.kind === "message") {
          const { seq, first_seq: first = seq } = entry.message;
          this.#rejects.set(seq, [first - 1, error.message.slice(0, REASON_MAX_CHARS)]);
        }
        this.#report(error);
      },
    });
    options.signal?.addEventListener("abort", () => this.close());
    if (options.signal?.aborted) this.close();
    // Not before the app has what `connect` returns: its listeners may want it.
    queueMicrotask(() => {
      if (this.#era === 0 && this.#status.state !== "stopped") this.#start();
    });
  }

  /** The present state. A new object where it changed, and only then. */
  get status(): Status {
    return this.#status;
  }

  /** Calls `listener` after each change of `status`; returns what ends that. */
  subscribe(listener: (status: Status) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * The device's cursor may go to `seq` once that is processed (C5): a later reload gets only what lies above.
   * @throws TypeError without `checkpoints: "manual"`, where every ack moves it.
   */
  checkpoint(seq: number): void {
    if (!this.#isManual) throw new TypeError('checkpoint() needs `checkpoints: "manual"`.');
    if (seq <= (this.#checkpoint ?? -1)) return;
    this.#checkpoint = seq;
    this.#connection?.progressed(true);
  }

  /** Connects at once, with a new token: after `stopped`, or instead of waiting. Does nothing where there is a connection. */
  reconnect(): void {
    const { state } = this.#status;
    if (state !== "stopped" && state !== "waiting" && state !== "offline") return;
    this.#tokenWasRefused = false;
    this.#tokens.forget();
    if (state === "stopped") this.#start();
    else void this.#connect();
  }

  /** Acks what is processed, and ends. What is not processed stays held, and comes with the next connection. */
  close(): void {
    this.#stop(undefined);
  }

  #start(): void {
    this.#deafen();
    this.#deafen = listenToSurroundings({
      wakes: ({ type }) => {
        const { state } = this.#status;
        // An attempt from before the network came back may hang until its time is over.
        if (state === "waiting" || state === "offline" || (state === "connecting" && type === "online")) {
          this.#connection?.close();
          void this.#connect();
        } else this.#connection?.probe();
      },
      loses: () => (this.#connection === undefined ? this.#goOffline() : this.#connection.probe()),
      freezes: () => this.#goAway(),
      moves: () => {
        if (this.#away.heldBack) this.#connection?.progressed(true);
      },
      leaves: () => {
        this.#drop();
        this.#goOffline();
      },
    });
    void this.#connect();
  }

  // ── From one connection to the next ────────────────────────────────────────────────────────────────────────────────

  async #connect(): Promise<void> {
    clearTimeout(this.#timer);
    this.#era += 1;
    const era = this.#era;
    const attempt = this.#attempts;
    this.#attempts += 1;
    this.#publish({ state: "connecting", attempt });
    this.#timer = setTimeout(() => this.#wait(new InboxError("token_failed", "No token."), false), TOKEN_MS);
    let token: Token;
    try {
      token = await this.#tokens.get();
    } catch (error) {
      if (era !== this.#era) return;
      this.#report(error as InboxError);
      return this.#wait(error as InboxError, false);
    }
    if (era !== this.#era) return;
    clearTimeout(this.#timer);
    this.#beUser(token.claims.sub);
    try {
      this.#connection = this.#open(token, attempt, era);
    } catch (cause) {
      // A page of https that wants http, a token with characters that no token has.
      this.#stop(new InboxError("connection_lost", "See `cause`.", { cause }));
    }
  }

  #open(token: Token, attempt: number, era: number): Connection {
    const startedAt = Date.now();
    return new Connection({
      rejects: this.#rejects,
      processed: () => this.#processing.processed ?? -1,
      open: this.#carriers.open,
      canPing: this.#carriers.name === "socket",
      base: this.#base,
      query: this.#query(token, attempt),
      token,
      tokens: this.#tokens,
      connectTimeoutMs: this.#options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS,
      checkpoint: (seq) => this.#away.lowest(this.#isManual ? Math.min(seq, this.#checkpoint ?? 0) : seq),
      established: (frame) => this.#established(frame, Date.now() - startedAt),
      received: (entries) => {
        if (this.#status.state !== "stopped") this.#processing.take(entries);
      },
      caughtUp: () => {
        if (this.#status.state === "catching_up") {
          const { state: _, pending: __, ...established } = this.#status;
          this.#publish({ state: "open", ...established });
        }
      },
      // Not sooner: a page that wakes up may have a socket that is gone, and hears of that later than the others ack.
      answered: () => this.#away.end(),
      ended: (ending) => {
        if (era !== this.#era) return;
        this.#connection = undefined;
        if (ending.livedMs !== undefined) this.#goAway();
        void this.#afterEnd(ending, era);
      },
    });
  }

  /** Another user's memory would ack what this one never saw. */
  #beUser(user: unknown): void {
    if (this.#user !== undefined && this.#user !== user) {
      this.#processing.forgetUser();
      this.#rejects.clear();
      this.#checkpoint = undefined;
    }
    this.#user = user;
  }

  #query(token: Token, attempt: number): URLSearchParams {
    const { device, window } = this.#options;
    const query = new URLSearchParams({ attempt: String(attempt) });
    const set = (name: string, value: string | number | undefined) => {
      if (value !== undefined) query.set(name, String(value));
    };
    if (token.claims.device === undefined) set("device", device ?? storedDevice());
    set("window", window);
    // What `after` acks can no more be rejected (C6), and is gone for a tab that is away and behind: what comes twice falls away.
    const [[before] = [Infinity]] = this.#rejects.values();
    set("after", this.#position && this.#away.lowest(Math.min(this.#position, before)));
    set("connect_ms", this.#connectMs);
    return query;
  }

  /** What lies above is still needed: all that is not processed and, with checkpoints of its own, what a reload is to get again. */
  get #position(): number | undefined {
    return this.#isManual ? this.#checkpoint : this.#processing.processed;
  }

  get #isManual(): boolean {
    return this.#options.checkpoints === "manual";
  }

  #goAway(): void {
    if (this.#position !== undefined) this.#away.begin(this.#position);
  }

  #established(frame: EstablishedFrame, connectMs: number): void {
    this.#connectMs = connectMs;
    this.#carriers.succeeded();
    this.#tokenWasRefused = false;
    this.#processing.startAt(frame.cursor);
    this.#checkpoint = Math.max(this.#checkpoint ?? 0, frame.cursor);
    const { connection_id: connectionId, device, pending } = frame;
    this.#away.join(`${this.#base.href} ${device} ${frame.user}`);
    this.#publish({ state: "catching_up", pending, connectionId, device, carrier: this.#carriers.name, connectMs });
  }

  async #afterEnd({ code, reason, detail, livedMs }: Ending, era: number): Promise<void> {
    this.#backoff.lived(livedMs ?? 0);
    const error = new InboxError(reason || "connection_lost", detail ?? `Closed with ${code}.`);
    const verdict = verdictOf(code, reason);
    const isTokensFault = verdict === "token";
    if (verdict === "stop" || (isTokensFault && (this.#tokenWasRefused || !this.#tokens.canRenew))) {
      return this.#stop(error);
    }
    if (isTokensFault) {
      this.#tokenWasRefused = true;
      this.#tokens.forget();
    }
    const isUnexplained = livedMs === undefined && (reason === "" || reason === "connect_timeout");
    const isAtOnce =
      // Even what may be tried at once is not tried in a circle.
      ((verdict === "now" || isTokensFault) && (livedMs ?? CIRCLE_MS) >= CIRCLE_MS) ||
      (isUnexplained && (await this.#carriers.failed(this.#base)));
    if (era !== this.#era) return;
    if (isAtOnce) void this.#connect();
    else this.#wait(error, verdict === "far");
  }

  #wait(cause: InboxError, isFar: boolean): void {
    if (isOnline() === false) return this.#goOffline();
    const retryAt = Math.ceil(Date.now() + this.#backoff.next(isFar));
    this.#publish({ state: "waiting", retryAt, attempt: this.#attempts, cause });
    this.#connectAt(retryAt);
  }

  #goOffline(): void {
    if (this.#status.state === "stopped") return;
    this.#era += 1;
    this.#publish({ state: "offline" });
    this.#connectAt(Date.now() + OFFLINE_RETRY_MS);
  }

  #connectAt(instant: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => (Date.now() < instant ? this.#connectAt(instant) : this.#connect()),
      Math.min(LOOK_MS, instant - Date.now()),
    );
  }

  #stop(error: InboxError | undefined): void {
    if (this.#status.state === "stopped") return;
    this.#deafen();
    this.#away.end();
    this.#processing.dropWaiting();
    this.#era += 1;
    clearTimeout(this.#timer);
    // A handler that calls `close` is itself about to end: its message is acked, too.
    const connection = this.#connection;
    setTimeout(() => {
      connection?.close();
      if (this.#connection === connection) this.#connection = undefined;
    });
    this.#publish({ state: "stopped", error });
    if (error !== undefined) this.#report(error);
  }

  #drop(): void {
    clearTimeout(this.#timer);
    this.#away.end();
    this.#connection?.close();
    this.#connection = undefined;
  }

  // ── What the app hears ─────────────────────────────────────────────────────────────────────────────────────────────

  #handle(entry: Entry): unknown {
    return entry.kind === "gap"
      ? this.#options.onGap?.(entry.gap)
      : this.#options.onMessage(entry.message as Message<Events>);
  }

  #publish(status: Status): void {
    this.#status = status;
    for (const listener of [this.#options.onStatus, ...this.#listeners]) this.#tellApp(() => listener?.(status));
  }

  #report(error: InboxError): void {
    const { onError } = this.#options;
    this.#tellApp(() => (onError === undefined ? console.error(error) : onError(error)));
  }

  /** A listener that throws must not stop the stream: what it threw is an unhandled rejection. */
  async #tellApp(tell: () => void): Promise<void> {
    tell();
  }
}
