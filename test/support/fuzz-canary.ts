import { randomUUID } from "node:crypto";
import { eventually } from "../proofs/clock.ts";
import { Backend } from "./backend.ts";
import { Connection } from "./connection.ts";
import { mintLocally } from "./credentials.ts";

/**
 * Users who have nothing to do with what goes on, and whose state must not change by a byte: one away, with a device, held
 * messages and a dead letter, and one who is connected and idle.
 */
export class Canaries {
  /** In every message of theirs; nobody else may ever see it. */
  readonly secret: string;
  readonly #backend: Backend;
  readonly #away: string;
  readonly #connected: string;
  readonly #connection: Connection;
  readonly #frames: number;
  readonly #before: string;

  static async settle(url: string): Promise<Canaries> {
    const mark = randomUUID();
    const secret = `canary-secret-${mark}`;
    const backend = new Backend(url);
    const away = `canary-away-${mark}`;
    const reader = await Connection.open(url, { token: await mintLocally(away, { device: "reader" }), ack: "each" });
    await backend.send(away, { type: "read", data: secret }, { wait: 10 });
    await reader.close();
    await eventually("the canary's reader is gone", async () => !(await backend.user(away)).body.connected);
    await backend.send(away, { type: "waiting", data: { secret }, topic: secret.slice(0, 64), ttl: 3_600 });
    await backend.send(away, { type: "over", data: [secret], ttl: 0.001 });
    await eventually("a dead letter is there", async () => (await backend.user(away)).body.dead_letters === 1);

    const connected = `canary-connected-${mark}`;
    const connection = await Connection.open(url, { token: await mintLocally(connected), ack: "each" });
    await backend.send(connected, { type: "read", data: secret }, { wait: 10 });
    await connection.caughtUp();
    const canaries = new Canaries(
      backend,
      secret,
      away,
      connected,
      connection,
      await stateOf(backend, away, connected),
    );
    return canaries;
  }

  private constructor(
    backend: Backend,
    secret: string,
    away: string,
    connected: string,
    connection: Connection,
    before: string,
  ) {
    this.#backend = backend;
    this.secret = secret;
    this.#away = away;
    this.#connected = connected;
    this.#connection = connection;
    this.#frames = connection.frames.length;
    this.#before = before;
  }

  /** What has changed about them; empty where nothing has. */
  async faults(): Promise<readonly string[]> {
    const faults: string[] = [];
    const now = await stateOf(this.#backend, this.#away, this.#connected);
    if (now !== this.#before) faults.push(`[A6] a canary's state changed:\n${this.#before}\n${now}`);
    if (this.#connection.frames.length !== this.#frames) {
      faults.push(`[A6] a canary was sent ${JSON.stringify(this.#connection.frames.at(-1))}`);
    }
    return faults;
  }

  async leave(): Promise<void> {
    await this.#connection.close();
  }
}

const stateOf = async (backend: Backend, ...users: readonly string[]): Promise<string> => {
  const states = await Promise.all(users.map((user) => wholeState(backend, user)));
  return states.join("\n");
};

/** All that the backend plane tells about a user, as text. */
export const wholeState = async (backend: Backend, user: string): Promise<string> => {
  const replies = await Promise.all([backend.user(user), backend.list(user), backend.deadLetters(user)]);
  return JSON.stringify(replies.map(({ status, body }) => [status, body]));
};
