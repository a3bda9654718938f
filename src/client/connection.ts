/**
 * One connection, from its first byte to its end: the confirmation, the chain of `prev`, acks, the heartbeat, and a new
 * token before the old one ends. Whoever made it decides what comes after its end.
 */
import { Acks } from "./acks.ts";
import { ABNORMAL, type CarrierEnd, type Open, type OpenCarrier } from "./carrier.ts";
import { Heartbeat } from "./heartbeat.ts";
import type { ClientCode } from "./inbox-error.ts";
import type { Gap, Message } from "./message.ts";
import type { Entry } from "./processing.ts";
import { ask } from "./refusal.ts";
import { renewInMs, type Token, type TokenSource } from "./token-source.ts";

/** C1. */
export interface EstablishedFrame {
  readonly type: "connection_established";
  readonly connection_id: string;
  readonly user: string;
  readonly device: string;
  readonly timestamp: string;
  readonly cursor: number;
  readonly pending: number;
  readonly window: number;
  readonly heartbeat_ms: number;
  readonly expires_at: string;
}

/** What the server sends; other types are ignored, as later servers may send them. */
type ServerFrame =
  | EstablishedFrame
  | { readonly type: "messages"; readonly prev: number; readonly messages: readonly Message[] }
  | ({ readonly type: "gap"; readonly prev: number } & Required<Gap>)
  | { readonly type: "caught_up" | "pong" }
  | { readonly type: "error"; readonly code: string; readonly detail: string };

/** How a connection ended: as its carrier did, or for a reason of the client's own. */
export interface Ending extends CarrierEnd {
  /** How long it was established, in milliseconds; undefined = never. */
  readonly livedMs?: number;
}

/** A message, or several that came as one: the seq before the first, and what the server is told of each. */
export type Rejected = readonly [before: number, reason: string];

interface ConnectionPlan {
  readonly open: Open;
  /** Frames go both ways; else the other end beats by itself. */
  readonly canPing: boolean;
  readonly base: URL;
  readonly query: URLSearchParams;
  readonly token: Token;
  readonly tokens: TokenSource;
  /** How long the confirmation may take, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Everything up to here is processed, whether it came on this connection or not; asked for once it is established. */
  readonly processed: () => number;
  /** Where the device's cursor may go when `seq` is acked (C5). */
  readonly checkpoint: (seq: number) => number;
  /** What could not be processed, in order and by seq; what the server is known to know is taken out. */
  readonly rejects: Map<number, Rejected>;
  readonly established: (frame: EstablishedFrame) => void;
  readonly received: (entries: readonly Entry[]) => void;
  readonly caughtUp: () => void;
  /** A ping was answered: the other end is there. */
  readonly answered: () => void;
  /** Once. */
  readonly ended: (ending: Ending) => void;
}

/** Closes of a client's own. */
const NORMAL = 1000;
const RESYNC = 4000;
/** Of an endpoint that hears nothing any more; browsers let a page close with none of the codes below 3000 but 1000. */
const SILENT = 4001;

/** How soon a renewal that failed is tried again; the connection's end with its token ends that, too. */
const RENEW_AGAIN_MS = 5_000;
/** An app that gives the same token again is not asked more often than this. */
const RENEW_MIN_MS = 1_000;

export class Connection {
  readonly #plan: ConnectionPlan;
  readonly #carrier: OpenCarrier;
  readonly #connectTimer: ReturnType<typeof setTimeout>;
  #token: Token;
  #isOver = false;
  #acks: Acks | undefined;
  #heartbeat: Heartbeat | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  /** Unix milliseconds; 0 = not established. */
  #establishedAt = 0;
  /** How far the server's clock is ahead of this machine's. */
  #serverAheadMs = 0;
  #id = "";
  /** The last seq that came: the next frame's `prev`. */
  #last = 0;
  /** The seqs of what came on this connection and is not processed. */
  readonly #came: number[] = [];
  /** What the server said was wrong, just before its close. */
  #error: { readonly reason: string; readonly detail: string } | undefined;

  constructor(plan: ConnectionPlan) {
    this.#plan = plan;
    this.#token = plan.token;
    const { base, query } = plan;
    const token = () => this.#token;
    this.#carrier = plan.open(
      { base, query, token },
      {
        alive: () => this.#heartbeat?.heard(),
        frame: (text) => this.#take(text),
        closed: (end) => this.#end({ ...end, ...this.#error }),
      },
    );
    // Not before there is something to close: opening may throw.
    this.#connectTimer = setTimeout(() => this.#giveUp("connect_timeout", "No answer."), plan.connectTimeoutMs);
  }

  /** More is processed, or the checkpoint moved (C5). `isIdle`: nothing else will follow at once. */
  progressed(isIdle: boolean): void {
    if (this.#acks === undefined) return;
    // More than what came on this connection would be a fault. What did not come on it yet comes again, and is rejected then.
    const acked = Math.min(this.#plan.processed(), this.#last);
    // Where none is left that is false.
    while ((this.#came[0] as number) <= acked) {
      const seq = this.#came.shift() as number;
      for (const [last, [before, reason]] of this.#plan.rejects) {
        if (seq <= before || seq > last) continue;
        // It acks what came before it, and an ack that overtook it would undo it (C6).
        this.#acks.stop();
        this.#carrier.send({ type: "reject", seq, reason });
      }
    }
    this.#acks.add(acked, isIdle);
  }

  /** There is reason to doubt that anybody is at the other end. */
  probe(): void {
    this.#heartbeat?.probe();
  }

  /** Ends it without a word to whoever made it. */
  close(): void {
    if (this.#isOver) return;
    // Once more, where the checkpoint was held back for another tab that is there again.
    this.progressed(true);
    this.#acks?.flush();
    this.#stop();
    this.#carrier.close(NORMAL, "");
  }

  #take(text: string): void {
    if (this.#isOver) return;
    this.#heartbeat?.heard();
    const frame = JSON.parse(text) as ServerFrame;
    switch (frame.type) {
      case "connection_established":
        return this.#establish(frame);
      case "messages":
        return this.#receive(
          frame.prev,
          frame.messages.map((message) => ({ kind: "message", seq: message.seq, message })),
        );
      case "gap": {
        const { type: kind, prev, ...gap } = frame;
        return this.#receive(prev, [{ kind, seq: gap.seq, gap }]);
      }
      case "caught_up":
        return this.#plan.caughtUp();
      case "pong":
        return this.#plan.answered();
      case "error":
        this.#error = { reason: frame.code, detail: frame.detail };
    }
  }

  #establish(frame: EstablishedFrame): void {
    clearTimeout(this.#connectTimer);
    this.#establishedAt = Date.now();
    this.#id = frame.connection_id;
    this.#last = frame.cursor;
    for (const seq of this.#plan.rejects.keys()) if (seq <= frame.cursor) this.#plan.rejects.delete(seq);
    const send = (seq: number) => {
      const checkpoint = this.#plan.checkpoint(seq);
      this.#carrier.send(checkpoint === seq ? { type: "ack", seq } : { type: "ack", seq, checkpoint });
    };
    this.#acks = new Acks({ window: frame.window, send });
    const beat = { everyMs: frame.heartbeat_ms, dead: () => this.#giveUp("silent", "Nothing heard.") };
    this.#heartbeat = new Heartbeat(
      this.#plan.canPing ? { ...beat, ping: () => this.#carrier.send({ type: "ping" }) } : beat,
    );
    this.#serverAheadMs = Date.parse(frame.timestamp) - this.#establishedAt;
    this.#renewBefore(frame.expires_at);
    this.#plan.established(frame);
  }

  #receive(prev: number, entries: readonly Entry[]): void {
    if (prev !== this.#last) {
      return this.#abandon(RESYNC, { code: RESYNC, reason: "frame_lost" satisfies ClientCode });
    }
    for (const { seq } of entries) {
      this.#last = seq;
      this.#came.push(seq);
    }
    this.#plan.received(entries);
    // What an earlier connection brought may be processed already, all of it or in part.
    if (this.#plan.processed() >= (entries[0]?.seq ?? 0)) this.progressed(true);
  }

  /** `expiresAt` is an instant of the server's clock; this machine's may be wrong. */
  #renewBefore(expiresAt: string): void {
    if (!this.#plan.tokens.canRenew) return;
    const leftMs = Date.parse(expiresAt) - Date.now() - this.#serverAheadMs;
    const renewIn = (ms: number) => {
      this.#renewal = setTimeout(() => this.#renew().catch(() => renewIn(RENEW_AGAIN_MS)), ms);
    };
    renewIn(Math.max(RENEW_MIN_MS, renewInMs(leftMs)));
  }

  /** C9. Rejects where it is worth trying again. */
  async #renew(): Promise<void> {
    const { tokens, base } = this.#plan;
    tokens.forget();
    const token = await tokens.get();
    if (this.#isOver) return;
    const response = await ask({ base, token: () => token }, `v1/connections/${this.#id}/token`, {
      method: "PUT",
      signal: AbortSignal.timeout(this.#plan.connectTimeoutMs),
    });
    if (this.#isOver) return;
    // Of another user or device now, or no connection any more: a new one finds out.
    if (response.status === 403 || response.status === 404) {
      return this.#abandon(NORMAL, { code: RESYNC, reason: "" });
    }
    if (!response.ok) throw new Error();
    this.#token = token;
    this.#renewBefore(((await response.json()) as { readonly expires_at: string }).expires_at);
  }

  #giveUp(reason: ClientCode, detail: string): void {
    this.#abandon(SILENT, { code: ABNORMAL, reason, detail });
  }

  #abandon(closeCode: number, ending: Ending): void {
    this.#carrier.close(closeCode, ending.reason);
    this.#end(ending);
  }

  #end(ending: Ending): void {
    if (this.#isOver) return;
    this.#stop();
    this.#plan.ended(this.#establishedAt > 0 ? { ...ending, livedMs: Date.now() - this.#establishedAt } : ending);
  }

  #stop(): void {
    this.#isOver = true;
    clearTimeout(this.#connectTimer);
    clearTimeout(this.#renewal);
    this.#acks?.stop();
    this.#heartbeat?.stop();
  }
}
