/** Jobs that send dead letters of all users again (N5): what each was begun for, and whether it was done to the end. */
import type { Backend } from "../support/backend.ts";
import type { Places } from "./places.ts";

export interface Job {
  readonly id: string;
  readonly status: string;
  readonly users: { readonly failed: number };
  readonly dead_letters: { readonly done: number };
}

export class RequeueJobs {
  readonly violations: string[] = [];
  readonly #backend: Backend;
  readonly #users: readonly string[];
  readonly #places: () => Promise<readonly Places[]>;
  /** By job: the dead letters that it must not leave behind. */
  readonly #due = new Map<string, readonly string[]>();

  /** `places`: where everything of these users is, in their order. */
  constructor(backend: Backend, users: readonly string[], places: () => Promise<readonly Places[]>) {
    this.#backend = backend;
    this.#users = users;
    this.#places = places;
  }

  async list(): Promise<readonly Job[]> {
    const { status, body } = await this.#backend.call("GET", "/v1/jobs");
    if (status !== 200) throw new Error(`GET /v1/jobs: ${status} ${JSON.stringify(body)}`);
    return body.jobs;
  }

  async areOver(): Promise<boolean> {
    return (await this.list()).every((job) => job.status !== "running");
  }

  /** Sends the request for one; `answered` is its id, undefined where the answer was lost: it may run, or not. */
  async begin(
    query: Readonly<Record<string, string>>,
    ttl: number,
  ): Promise<{ readonly answered: Promise<string | undefined> }> {
    const listed = await this.#listed();
    const letters = [...(await this.#letters())].filter(([user]) => listed.has(user));
    const due = letters.flatMap(([user, seqs]) => seqs.map((seq) => `${user} ${seq}`));
    return { answered: this.#post(query, ttl, due) };
  }

  async #post(
    query: Readonly<Record<string, string>>,
    ttl: number,
    due: readonly string[],
  ): Promise<string | undefined> {
    const path = "/v1/dead-letters/requeue";
    const reply = await this.#backend.call("POST", path, { ttl }, { query }).catch(() => undefined);
    if (reply === undefined || reply.status === 503) return undefined;
    if (reply.status !== 202) {
      this.violations.push(`[N5] requeue: ${reply.status} ${JSON.stringify(reply.body)}`);
      return undefined;
    }
    this.#due.set(reply.body.id, due);
    return reply.body.id;
  }

  /** After all are over: no job has passed anybody over whose dead letters were there, and listed, before it began. */
  async judge(): Promise<void> {
    const left = new Set([...(await this.#letters())].flatMap(([user, seqs]) => seqs.map((seq) => `${user} ${seq}`)));
    for (const [id, due] of this.#due) {
      for (const one of due) if (left.has(one)) this.violations.push(`[N5] job ${id} has passed over ${one}`);
    }
    this.#due.clear();
    for (const { id, users } of await this.list()) {
      if (users.failed > 0) this.violations.push(`[N5] job ${id} has left out ${users.failed} users`);
    }
  }

  /** The list is of those who have dead letters, and of nobody else (N4). */
  async isListRight(): Promise<boolean> {
    const [listed, letters] = [await this.#listed(), await this.#letters()];
    return [...listed].toSorted().join() === [...letters.keys()].toSorted().join();
  }

  async #listed(): Promise<ReadonlySet<string>> {
    const { body } = await this.#backend.call("GET", "/v1/attention");
    return new Set(body.users.map((one: { user: string }) => one.user));
  }

  /** Of those who have some. */
  async #letters(): Promise<ReadonlyMap<string, readonly number[]>> {
    const places = await this.#places();
    return new Map(
      this.#users.flatMap((user, at): [string, readonly number[]][] => {
        const seqs = places[at]?.dead.map((letter) => letter.seq) ?? [];
        return seqs.length === 0 ? [] : [[user, seqs]];
      }),
    );
  }
}
