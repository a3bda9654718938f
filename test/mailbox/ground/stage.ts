/** Runs a script of steps against one user's Mailbox, with evictions in between, and writes down all that anybody sees of it. */
import type { Attachment } from "../../../src/delivery/session.ts";
import type { Client } from "./client.ts";
import { clock } from "./clock.ts";
import { type ConnectOptions, User } from "./user.ts";

export type Step = readonly [name: string, run: (stage: Stage) => Promise<unknown>];

/** What one run showed: every client's frames, every reply, and how many frames had come after each step. */
export interface Showing {
  readonly frames: Readonly<Record<string, readonly string[]>>;
  readonly replies: readonly string[];
  readonly counts: readonly Readonly<Record<string, number>>[];
}

/** So that a Mailbox that wakes in each step takes its seqs from the clock, as one does that sleeps in between. */
const STEP_MS = 100;

export class Stage {
  readonly user = new User();
  readonly #clients = new Map<string, Client>();
  readonly #seqs = new Map<string, number>();
  readonly #replies: string[] = [];
  readonly #behind = new Set<string>();
  readonly #startedAt = clock.now();

  async attach(name: string, options: ConnectOptions): Promise<Client> {
    const client = await this.user.connect(options);
    this.#clients.set(name, client);
    return client;
  }

  client(name: string): Client {
    const client = this.#clients.get(name);
    if (client === undefined) throw new Error(`No client ${name}`);
    return client;
  }

  /** Sends a message that later steps call by its type. */
  async send(type: string, more: { id?: string; topic?: string; ttl?: number } = {}, wait?: number): Promise<void> {
    const reply = await this.user.send({ type, ...more }, wait === undefined ? {} : { wait });
    this.#seqs.set(type, reply.body.seq);
    this.note(`send ${type}`, reply);
  }

  seq(type: string): number {
    const seq = this.#seqs.get(type);
    if (seq === undefined) throw new Error(`No message ${type}`);
    return seq;
  }

  /**
   * Acks, and awaits that the Mailbox has written it down in the socket's attachment: that asks nothing of it that could change what
   * an eviction finds.
   */
  async ack(name: string, seq?: number, checkpoint?: number): Promise<void> {
    const client = this.client(name);
    const through = seq ?? client.lastSeq;
    client.ack(through, checkpoint);
    const deadline = clock.realNow() + 2_000;
    while (!(await this.#attachments()).some(({ id, acked }) => id === client.id && acked >= through)) {
      if (clock.realNow() > deadline) throw new Error(`The ack of ${name} was not taken.`);
    }
  }

  #attachments(): Promise<readonly Attachment[]> {
    return this.user.inside((_, state) =>
      state.getWebSockets().flatMap((socket) => (socket.deserializeAttachment() as Attachment | null) ?? []),
    );
  }

  note(what: string, reply: { readonly status: number; readonly body: unknown }): void {
    this.#replies.push(`${what}: ${reply.status} ${JSON.stringify(reply.body)}`);
  }

  /**
   * Awaits all that has come of a step. The model run, which sees no eviction, has the Mailbox itself say that nothing else is on its
   * way. Later runs leave the Mailbox and its attachments alone: the model says how many frames are to come.
   */
  async quiet(expected: Readonly<Record<string, number>> | undefined): Promise<Readonly<Record<string, number>>> {
    for (const [name, client] of this.#clients) {
      if (expected === undefined) {
        if (client.isOpen) await client.settle();
        continue;
      }
      // What does not come shows in the comparison; to await it once is enough.
      if (this.#behind.has(name)) continue;
      await client.count(expected[name] ?? 0, 1_000).catch(() => this.#behind.add(name));
    }
    return Object.fromEntries([...this.#clients].map(([name, client]) => [name, client.frames.length]));
  }

  record(counts: readonly Readonly<Record<string, number>>[]): Showing {
    // First of all: of some users' hashes the first 16 digits look like a seq.
    const named = (text: string): string =>
      text.replaceAll(this.user.name, "USER").replace(/\b[0-9a-f]{16}\.[0-9a-f-]{36}\b/g, (id) => this.#nameOf(id));
    const frames = [...this.#clients].map(([name, client]) => [name, client.texts.map(named)] as const);
    const replies = this.#replies.map(named);
    const seqs = [...new Set(JSON.stringify([frames, replies]).match(/\b[0-9]{16}\b/g) ?? [])].sort();
    const plain = (text: string): string =>
      text
        .replace(/\b[0-9]{16}\b/g, (seq) => `#${seqs.indexOf(seq)}`)
        .replace(/"mailbox":"[0-9a-f]{64}"/g, '"mailbox":"…"')
        .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, (at) => `+${Date.parse(at) - this.#startedAt}`);
    return {
      frames: Object.fromEntries(frames.map(([name, texts]) => [name, texts.map(plain)])),
      replies: replies.map(plain),
      counts,
    };
  }

  #nameOf(connectionId: string): string {
    for (const [name, client] of this.#clients) if (client.id === connectionId) return `connection ${name}`;
    return "an unknown connection";
  }
}

/** One run of the script. `evictAfter` says after which steps the Mailbox is evicted. */
export const play = async (
  script: readonly Step[],
  evictAfter: (index: number) => boolean,
  model?: Showing,
): Promise<Showing> => {
  clock.freeze();
  const stage = new Stage();
  const counts: Readonly<Record<string, number>>[] = [];
  for (const [index, [name, run]] of script.entries()) {
    clock.advance(STEP_MS);
    try {
      await run(stage);
    } catch (error) {
      throw new Error(`Step ${index}, ${name}: ${String(error)}`, { cause: error });
    }
    counts.push(await stage.quiet(model?.counts[index]));
    if (evictAfter(index)) await stage.user.evict();
  }
  return stage.record(counts);
};
