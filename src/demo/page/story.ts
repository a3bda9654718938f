/** What is known of one run: what the agent noted that it sent, what this page's inbox brought, and who this page was meanwhile. */
import type { Message } from "../../client/client.ts";
import type { DemoEvent, DemoEvents, RunRecord, Sent } from "../events.ts";

/** What an ordinary stack would have done for this page with an event. */
export type Fate =
  /** This page's connection was there. */
  | "arrived"
  /** Nobody's was. */
  | "lost"
  /** Only another page's was: the one before the reload, or another tab. */
  | "missed";

/** An event in one of the columns; without a fate where the agent's notes are not here yet. */
export interface Shown {
  readonly event: DemoEvent;
  readonly fate?: Fate;
  /** From its acceptance to this page, in milliseconds. */
  readonly waitedMs?: number;
}

/** An instant in Unix milliseconds, or a span of them that may not have ended. */
interface Span {
  readonly from: number;
  to?: number;
}

/** What this page counted of the run. */
export interface Counts {
  /** How many the agent sent until now. */
  readonly sent: number;
  readonly arrived: number;
  /** Those that an ordinary stack would have brought to this page. */
  readonly ordinary: number;
  /** Those of the arrived that it would not have brought. */
  readonly kept: number;
  /** Handed to this page a second time. */
  readonly twice: number;
  readonly outOfOrder: number;
  readonly longestWaitMs: number;
  readonly isComplete: boolean;
}

export class Story {
  /** When this page was connected, since it was loaded. */
  readonly connected: Span[] = [];
  readonly #ownConnections = new Set<string>();
  #run = 0;
  #record: RunRecord | undefined;
  #received = new Map<number, { readonly event: DemoEvent; readonly waitedMs: number }>();
  #twice = 0;
  #outOfOrder = 0;
  #last = 0;

  /** 0 = none yet. */
  get run(): number {
    return this.#run;
  }

  get record(): RunRecord | undefined {
    return this.#record;
  }

  /** A new run, of which nothing is known. */
  begin(run: number): void {
    this.#run = run;
    this.#record = undefined;
    this.#received = new Map();
    this.#twice = 0;
    this.#outOfOrder = 0;
    this.#last = 0;
  }

  /** This page is connected from now on. */
  attached(connectionId: string): void {
    this.#ownConnections.add(connectionId);
    this.connected.push({ from: Date.now() });
  }

  /** It is not, or was not. */
  detached(): void {
    const last = this.connected.at(-1);
    if (last !== undefined) last.to ??= Date.now();
  }

  note(record: RunRecord): void {
    if (record.run === this.#run) this.#record = record;
  }

  /** What the inbox brought. */
  receive(message: Message<DemoEvents>): void {
    const { seq, timestamp } = message;
    if (this.#received.has(seq)) this.#twice += 1;
    if (seq < this.#last) this.#outOfOrder += 1;
    this.#last = seq;
    this.#received.set(seq, { event: message, waitedMs: Math.max(0, Date.now() - Date.parse(timestamp)) });
  }

  /** Pieces of the answer that are here. */
  get pieces(): number {
    return [...this.#received.values()].filter(({ event }) => event.type === "text_streamed").length;
  }

  /** What an ordinary stack would have made of it. */
  ordinary(): readonly Shown[] {
    return (this.#record?.sent ?? []).map((sent) => ({ event: sent.event, fate: this.#fate(sent) }));
  }

  /** What came. */
  arrived(): readonly Shown[] {
    const sent = new Map(this.#record?.sent.map((one) => [one.seq, one]));
    return [...this.#received].map(([seq, shown]) => {
      const noted = sent.get(seq);
      return noted === undefined ? shown : { ...shown, fate: this.#fate(noted) };
    });
  }

  counts(): Counts {
    const received = [...this.#received.values()];
    return {
      sent: Math.max(this.#record?.sent.length ?? 0, received.length),
      arrived: received.length,
      ordinary: this.ordinary().filter(({ fate }) => fate === "arrived").length,
      kept: this.arrived().filter(({ fate }) => fate !== undefined && fate !== "arrived").length,
      twice: this.#twice,
      outOfOrder: this.#outOfOrder,
      longestWaitMs: Math.max(0, ...received.map(({ waitedMs }) => waitedMs)),
      isComplete: received.some(
        ({ event }) => event.type === "agent_completed" && event.data.events === received.length,
      ),
    };
  }

  #fate({ connections }: Sent): Fate {
    if (connections.length === 0) return "lost";
    return connections.some((id) => this.#ownConnections.has(id)) ? "arrived" : "missed";
  }
}
