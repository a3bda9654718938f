/** Many inboxes that lose their server at the same instant: how they come back, and that each of them has every message once and in order. */
import { connect, type Inbox } from "../../src/client/client.ts";
import { Backend } from "../support/backend.ts";
import { mintLocally } from "../support/credentials.ts";
import { percentile } from "../support/percentile.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";
import { eventually, instant } from "./clock.ts";
import { FaultyProxy } from "./faulty-proxy.ts";

/** How they lose it: SIGKILL and a restart after a while, or a close frame of 1012 with the server there again at once, as in a deploy. */
export type Loss = { readonly how: "killed"; readonly downMs: number } | { readonly how: "closed 1012" };

export interface HerdReport {
  readonly clients: number;
  readonly loss: Loss;
  /** Attempts of one client from the loss until it was back. */
  readonly attempts: { readonly median: number; readonly p99: number; readonly max: number; readonly all: number };
  /** From when the server was there again until a share of the clients was back and had everything, in milliseconds. */
  readonly backMs: { readonly half: number; readonly p99: number; readonly all: number };
  /** Attempts by when they began after the loss, in steps of `STEP_MS`. */
  readonly histogram: readonly number[];
  /** The fullest step's part of all attempts. */
  readonly peakShare: number;
  readonly violations: readonly string[];
}

export const STEP_MS = 250;
const TOGETHER = 50;
/** The longest wait of the backoff, and then some for a machine that serves and is served. */
const BACK_DEADLINE_MS = 60_000;

export const herdProof = async (clients: number, loss: Loss): Promise<HerdReport> => {
  const runtime = await startRuntime();
  const proxy = await FaultyProxy.start(runtime.port);
  const herd = new Herd(runtime, loss.how === "killed" ? runtime.url : proxy.url, clients);
  try {
    await herd.sendOne();
    await herd.assemble();
    // Acked, perhaps, and not recorded (D9): it may come again.
    await herd.sendOne();
    herd.begin();
    if (loss.how === "killed") {
      await runtime.kill();
      await instant(performance.now() + loss.downMs);
      await runtime.restart();
    } else proxy.sayClose(1012);
    const thereAgainAt = performance.now();
    await Promise.all([herd.sendOne(), herd.gather()]);
    return herd.report(loss, thereAgainAt);
  } finally {
    herd.end();
    proxy.stop();
    await runtime.stop();
  }
};

interface Member {
  readonly inbox: Inbox<{ numbered: number }>;
  readonly received: number[];
  /** By `performance.now()`, since the loss. */
  readonly attemptsAt: number[];
  backAt: number;
}

class Herd {
  readonly #backend: Backend;
  readonly #users: readonly string[];
  readonly #url: string;
  readonly #members: Member[] = [];
  readonly #violations: string[] = [];
  #sent = 0;
  #lostAt = Number.POSITIVE_INFINITY;

  constructor(runtime: Runtime, url: string, clients: number) {
    this.#backend = new Backend(runtime.url);
    this.#users = Array.from({ length: clients }, (_, n) => `member-${n}`);
    this.#url = url;
  }

  /** They come a few at a time: what is measured is how they come back. */
  async assemble(): Promise<void> {
    for (let from = 0; from < this.#users.length; from += TOGETHER) {
      for (const user of this.#users.slice(from, from + TOGETHER)) this.#members.push(this.#join(user));
      await this.gather();
    }
  }

  /** The next number, to everybody. */
  async sendOne(): Promise<void> {
    this.#sent += 1;
    const reply = await this.#backend.sendBatch(
      this.#users.map((to) => ({ to, type: "numbered", data: this.#sent, id: `n-${this.#sent}` })),
    );
    const refused = (reply.body.results as readonly { http_status: number }[]).filter((r) => r.http_status !== 202);
    if (refused.length > 0)
      this.#violations.push(`${refused.length} sends were refused: ${JSON.stringify(refused[0])}`);
  }

  /** Until all are connected and have everything. */
  async gather(): Promise<void> {
    await eventually("all are back", () => this.#members.every((member) => member.backAt > 0), BACK_DEADLINE_MS).catch(
      (error: Error) => this.#violations.push(error.message),
    );
  }

  /** From here on attempts are counted. */
  begin(): void {
    this.#lostAt = performance.now();
    for (const member of this.#members) member.backAt = 0;
  }

  end(): void {
    for (const { inbox } of this.#members) inbox.close();
  }

  report(loss: Loss, thereAgainAt: number): HerdReport {
    const wanted = Array.from({ length: this.#sent }, (_, n) => n + 1).join();
    for (const [at, { received }] of this.#members.entries()) {
      if (received.join() !== wanted) this.#violations.push(`[D3] ${this.#users[at]} has ${received.join()}`);
    }
    const attempts = this.#members.map(({ attemptsAt }) => attemptsAt.length);
    const instants = this.#members.flatMap(({ attemptsAt }) => attemptsAt);
    const histogram: number[] = [];
    for (const at of instants) {
      const step = Math.floor((at - this.#lostAt) / STEP_MS);
      while (histogram.length <= step) histogram.push(0);
      histogram[step] = (histogram[step] ?? 0) + 1;
    }
    const back = this.#members.map(({ backAt }) => Math.max(0, Math.round(backAt - thereAgainAt)));
    return {
      clients: this.#members.length,
      loss,
      attempts: {
        median: percentile(attempts, 0.5),
        p99: percentile(attempts, 0.99),
        max: percentile(attempts, 1),
        all: instants.length,
      },
      backMs: { half: percentile(back, 0.5), p99: percentile(back, 0.99), all: percentile(back, 1) },
      histogram,
      peakShare: Math.max(...histogram) / instants.length,
      violations: this.#violations,
    };
  }

  #join(user: string): Member {
    const received: number[] = [];
    const attemptsAt: number[] = [];
    const look = () => {
      // What was sent before the loss may come after it was declared: only who has tried again can be back.
      const hasTried = this.#lostAt === Number.POSITIVE_INFINITY || attemptsAt.length > 0;
      const isBack = hasTried && member.inbox.status.state === "open" && received.length >= this.#sent;
      if (isBack && member.backAt === 0) member.backAt = performance.now();
    };
    const member: Member = {
      received,
      attemptsAt,
      backAt: 0,
      inbox: connect<{ numbered: number }>({
        url: this.#url,
        token: () => mintLocally(user),
        onMessage: ({ data }) => {
          received.push(data);
          look();
        },
        onStatus: ({ state }) => {
          if (state === "connecting" && performance.now() >= this.#lostAt) attemptsAt.push(performance.now());
          if (state === "open") look();
        },
        onError: ({ code, message }) => this.#violations.push(`${user}: ${code} ${message}`),
        onGap: (gap) => this.#violations.push(`${user}: a gap, ${JSON.stringify(gap)}`),
      }),
    };
    return member;
  }
}
