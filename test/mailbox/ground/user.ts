/** One user of a test, reached as everybody reaches them: over the whole Worker. Its Mailbox is at hand for evictions and alarms. */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env, exports } from "cloudflare:workers";
import type { Mailbox } from "../../../src/index.ts";
import type { Refusal } from "../../../src/protocol/errors.ts";
import type { MailboxApi, Sent } from "../../../src/protocol/mailbox-api.ts";
import type { NewMessage } from "../../../src/protocol/message.ts";
import { API_KEY, mintLocally, type TokenOptions } from "../../support/credentials.ts";
import type { DeadLettersBody, HeldBody, MessageBody, ProblemBody, RequeuedBody, UserBody } from "./bodies.ts";
import { Client } from "./client.ts";

export interface Reply<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T & Partial<ProblemBody>;
}

export interface CallOptions {
  readonly wait?: number | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ConnectOptions extends TokenOptions {
  readonly window?: number;
  readonly after?: number;
  readonly origin?: string;
  /** What the SDK says of its attempts (M1). */
  readonly attempt?: number;
  readonly connectMs?: number;
  /** In place of one minted for this connection. */
  readonly token?: string;
}

export interface Message {
  readonly type: string;
  readonly data?: unknown;
  readonly id?: string;
  readonly ttl?: number;
  readonly topic?: string;
}

const HOST = "https://restante.test";

export const call = async <T>(method: string, path: string, body?: unknown, options: CallOptions = {}) => {
  const response = await exports.default.fetch(`${HOST}${path}`, {
    method,
    headers: {
      authorization: `Bearer ${API_KEY}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(options.wait === undefined ? {} : { prefer: `wait=${options.wait}` }),
      ...options.headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text === "" ? {} : JSON.parse(text)) as T & Partial<ProblemBody>,
  };
};

/** A message as the Worker hands it to a Mailbox: for sends by the thousand, past HTTP. */
export const plain = (type: string, more: Partial<NewMessage> = {}): NewMessage => ({ type, bytes: 64, ...more });

export class User {
  readonly name = `u-${crypto.randomUUID()}`;
  readonly path = `/v1/users/${this.name}`;
  #mailboxName: string | undefined;

  /** A new stub: one whose object was aborted stays broken. */
  async stub(): Promise<DurableObjectStub<Mailbox>> {
    return env.MAILBOX.getByName(await this.mailboxName());
  }

  async mailboxName(): Promise<string> {
    if (this.#mailboxName === undefined) {
      const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(`u:${this.name}`));
      this.#mailboxName = [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
    }
    return this.#mailboxName;
  }

  // ── The Mailbox itself ─────────────────────────────────────────────────────────────────────────────────────────────

  async inside<R>(look: (mailbox: Mailbox, state: DurableObjectState) => R | Promise<R>): Promise<R> {
    return runInDurableObject(await this.stub(), look);
  }

  /** The memory is gone, the sockets hibernate. */
  async evict(): Promise<void> {
    await evictDurableObject(await this.stub()).catch((error: unknown) => {
      // Nothing has woken it since it was evicted last: so much the better.
      if (!String(error).includes("not currently running")) throw error;
    });
  }

  /** The object is lost as the platform loses one: whoever waits for it is told `durableObjectReset`. */
  async crash(): Promise<void> {
    const broken = this.inside((_, state) => state.abort("made by the test"));
    await broken.catch((error: unknown) => {
      if (!String(error).includes("made by the test")) throw error;
    });
  }

  /** Runs the alarm now, if one is set; says whether one was. */
  async alarm(): Promise<boolean> {
    return runDurableObjectAlarm(await this.stub());
  }

  alarmAt(): Promise<number | null> {
    return this.inside((_, state) => state.storage.getAlarm());
  }

  /** What a table holds, read past the Mailbox. */
  rows<Row extends Record<string, SqlStorageValue>>(statement: string): Promise<Row[]> {
    return this.inside((_, state) => state.storage.sql.exec<Row>(statement).toArray());
  }

  /** The entries that are stored, read past the Mailbox. */
  async stored(): Promise<readonly { readonly seq: number; readonly type: string; readonly data?: unknown }[]> {
    const packs = await this.rows<{ entries: string }>(`SELECT entries FROM packs ORDER BY pack`);
    return packs.flatMap(({ entries }) => JSON.parse(`[${entries}]`));
  }

  /** Sends past HTTP; throws where one is refused. */
  async sendPlain(messages: readonly NewMessage[], waitMs?: number): Promise<readonly Sent[]> {
    return (await this.trySend(messages, waitMs)).map((reply) => {
      if (!reply.ok) throw new Error(`Refused: ${JSON.stringify(reply)}`);
      return reply;
    });
  }

  /** Sends past HTTP, in one call. */
  async trySend(messages: readonly NewMessage[], waitMs?: number): Promise<readonly (Sent | Refusal)[]> {
    const stub = (await this.stub()) as unknown as MailboxApi;
    return stub.send({ user: this.name, messages, ...(waitMs === undefined ? {} : { waitMs }) });
  }

  /** A device that has been here and is away: what is sent has to be stored for it. */
  async leaveDevice(device = "away"): Promise<void> {
    await (await this.connect({ device })).close();
  }

  // ── The backend plane ──────────────────────────────────────────────────────────────────────────────────────────────

  send(message: Message, options?: CallOptions): Promise<Reply<MessageBody>> {
    return call("POST", `${this.path}/messages`, message, options);
  }

  /** Sends messages of these types, each after the reply to the last, and gives back their seqs. */
  async sendAll(...types: readonly string[]): Promise<readonly number[]> {
    const seqs: number[] = [];
    for (const type of types) seqs.push((await this.send({ type })).body.seq);
    return seqs;
  }

  state(id: string): Promise<Reply<HeldBody>> {
    return call("GET", `${this.path}/messages/${encodeURIComponent(id)}`);
  }

  held(): Promise<Reply<{ readonly messages: readonly HeldBody[] }>> {
    return call("GET", `${this.path}/messages`);
  }

  recall(id: string): Promise<Reply<{ readonly status: string | number; readonly sent: boolean }>> {
    return call("DELETE", `${this.path}/messages/${encodeURIComponent(id)}`);
  }

  get(options?: CallOptions): Promise<Reply<UserBody>> {
    return call("GET", this.path, undefined, options);
  }

  revoke(): Promise<Reply<{ readonly status: string }>> {
    return call("DELETE", `${this.path}/tokens`);
  }

  erase(): Promise<Reply<{ readonly status: string }>> {
    return call("DELETE", this.path);
  }

  deadLetters(query = ""): Promise<Reply<DeadLettersBody>> {
    return call("GET", `${this.path}/dead-letters${query}`);
  }

  /** `which`: `/{seq}`, `` for all, or `?reason=…`. */
  requeue(which = "", body?: unknown): Promise<Reply<RequeuedBody>> {
    const [path, query] = which.split("?");
    return call("POST", `${this.path}/dead-letters${path}/requeue${query === undefined ? "" : `?${query}`}`, body);
  }

  discard(which = ""): Promise<Reply<{ readonly discarded: number }>> {
    return call("DELETE", `${this.path}/dead-letters${which}`);
  }

  // ── The user plane ─────────────────────────────────────────────────────────────────────────────────────────────────

  token(options: TokenOptions = {}): Promise<string> {
    return mintLocally(this.name, options);
  }

  /** Asks for a socket; the reply is what it is. */
  async upgrade(options: ConnectOptions = {}): Promise<Response> {
    const { window, after, origin, token, attempt, connectMs, ...tokenOptions } = options;
    const url = new URL(`${HOST}/v1/socket`);
    if (window !== undefined) url.searchParams.set("window", String(window));
    if (after !== undefined) url.searchParams.set("after", String(after));
    if (attempt !== undefined) url.searchParams.set("attempt", String(attempt));
    if (connectMs !== undefined) url.searchParams.set("connect_ms", String(connectMs));
    return exports.default.fetch(url.href, {
      headers: {
        upgrade: "websocket",
        authorization: `Bearer ${token ?? (await this.token(tokenOptions))}`,
        ...(origin === undefined ? {} : { origin }),
      },
    });
  }

  /** Connects and awaits the confirmation. */
  async connect(options: ConnectOptions = {}): Promise<Client> {
    const response = await this.upgrade(options);
    if (response.webSocket === null) throw new Error(`No socket: ${response.status} ${await response.text()}`);
    const client = new Client(response.webSocket);
    await client.count(1);
    return client;
  }

  prolong(connectionId: string, token: string): Promise<Reply<{ readonly expires_at: string }>> {
    return call("PUT", `/v1/connections/${connectionId}/token`, undefined, {
      headers: { authorization: `Bearer ${token}` },
    });
  }
}
