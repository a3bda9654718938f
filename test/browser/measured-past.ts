/**
 * Seven days as a deployment would have measured them, told to real Monitors under a driven clock: reports as Mailboxes make them, each at its
 * time, so that their rings, the alert rules and the page have a past that nobody had to wait for.
 */
import { Measured } from "../../src/measures/measured.ts";
import { Random } from "../support/random.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A thing that is held or open: when it began, and when it is over at the latest. */
interface Life {
  readonly began: number;
  readonly longest: number;
}

export class MeasuredPast {
  readonly #url: string;
  readonly #random = new Random(27);
  readonly #lives: Readonly<Record<"held" | "open", Life[]>> = { held: [], open: [] };

  /** Of a runtime with `watched-worker.mjs` and one Monitor. */
  constructor(url: string) {
    this.#url = url;
  }

  /** Up to now: hours, then minutes, then every 10 s, as the rings have them. The schedule runs each minute of the last hours. */
  async tell(now: number): Promise<void> {
    const steps = [
      ...range(now - 7 * DAY_MS, now - 6 * HOUR_MS, HOUR_MS),
      ...range(now - 6 * HOUR_MS, now - 15 * MINUTE_MS, MINUTE_MS),
      ...range(now - 15 * MINUTE_MS, now - 5 * SECOND_MS, 10 * SECOND_MS),
    ];
    for (const [n, at] of steps.entries()) {
      await this.#post(`clock/${at - now}`);
      await this.#report(at, (steps[n + 1] ?? now) - at, now);
      if (at >= now - 6 * HOUR_MS && n % 2 === 0) await this.#post("schedule");
    }
    await this.#post("clock/0");
    await this.#post("schedule");
  }

  /** The present, at the same pace. */
  async goOn(spanMs: number): Promise<void> {
    await this.#report(Date.now(), spanMs, Date.now());
    await this.#post("schedule");
  }

  async #post(path: string, body?: unknown): Promise<void> {
    const init = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${this.#url}/test/${path}`, { method: "POST", ...init });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    await response.body?.cancel();
  }

  async #report(at: number, spanMs: number, now: number): Promise<void> {
    const measured = new Measured();
    const failed = this.#measure(measured, at, spanMs, now);
    const report = { pairs: measured.take(), version: "a1b2c3d4", ...(failed === undefined ? {} : { failed }) };
    await this.#post("report/0", report);
  }

  /** Busy by day; one release, three hours ago, that could not read a message; a night on which a network was slow. */
  #measure(measured: Measured, at: number, spanMs: number, now: number) {
    const ago = now - at;
    // It is the busiest time of the day now.
    const day = 0.55 + 0.45 * Math.cos((ago / DAY_MS) * 2 * Math.PI);
    const noise = () => 0.8 + this.#random.below(400) / 1_000;
    const accepted = Math.round(3 * day * noise() * (spanMs / SECOND_MS));
    const isSlow = ago > 52 * HOUR_MS && ago < 56 * HOUR_MS;
    const isBroken = ago > 170 * MINUTE_MS && ago < 182 * MINUTE_MS;
    const rescued = Math.round(accepted * 0.11 * noise());
    const rejected = isBroken ? Math.round(accepted * 0.04) : 0;
    const expired = this.#random.below(Math.max(1, Math.round(accepted / 60))) > 90 ? 1 : 0;
    const connects = Math.round(accepted * 0.22 * noise());
    const retries = Math.round(connects * (isSlow ? 0.6 : 0.05) * noise());
    measured.count("messages_accepted", accepted);
    measured.count("messages_accepted_away", rescued);
    measured.count("messages_delivered", accepted - rejected - expired);
    measured.count("messages_rescued", rescued);
    measured.count("ended_rejected", rejected);
    measured.count("failed_rejected", rejected);
    measured.count("ended_expired", expired);
    measured.count("connection_attempts", connects);
    measured.count("connection_failures", isSlow ? Math.round(connects * 0.004) : 0);
    measured.count("connection_retries", retries);
    measured.count("connections_established", connects);
    const about = (ms: number) => Math.max(0.5, ms * Math.exp((this.#random.below(2_000) - 1_000) / 900));
    for (let n = 0; n < Math.min(60, accepted); n += 1) {
      measured.time("connection", about(n === 0 ? 260 : 38) * (isSlow ? 3 : 1));
      const wire = about(n === 1 ? 480 : 85);
      const waiting = n % 9 === 0 ? about(4_000) * (n % 18 === 0 ? 20 : 1) : 0.4;
      measured.time("delivery_wire", wire);
      measured.time("delivery_waiting", waiting);
      measured.time("delivery", wire + waiting);
    }
    this.#live(measured, "held", Math.round(70 * day * noise()) + (isSlow ? 60 : 0), at, 7 * DAY_MS);
    this.#live(measured, "open", Math.round(340 * day * (0.95 + noise() / 20)), at, HOUR_MS);
    const mailbox = (n: number) => n.toString(16).padStart(8, "0").repeat(8);
    return rejected === 0 ? undefined : { failed_rejected: Array.from({ length: 4 }, (_, n) => mailbox(n + 0xa3f1)) };
  }

  /** As many as there are then; the oldest go, and some of all. */
  #live(measured: Measured, name: "held" | "open", count: number, at: number, longestMs: number): void {
    const lives = this.#lives[name];
    for (let gone = Math.max(lives.length - count, Math.ceil(lives.length / 9)); gone > 0; gone -= 1) {
      const life = lives.shift();
      if (life !== undefined) measured.ended(name, life.began, life.longest, at);
    }
    while (lives.length < count) {
      lives.push({ began: at, longest: at + longestMs });
      measured.began(name, at, at + longestMs, at);
    }
  }
}

const range = (from: number, to: number, step: number): readonly number[] =>
  Array.from({ length: Math.max(0, Math.floor((to - from) / step)) }, (_, n) => from + n * step);
