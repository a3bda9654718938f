/** The producer's socket in the object itself: hibernation, erasure, a crash, and what it costs. */
import { exports } from "cloudflare:workers";
import { expect, test } from "vitest";
import { API_KEY } from "../support/credentials.ts";
import { clock, SECOND_MS } from "./ground/clock.ts";
import { countingRows } from "./ground/rows.ts";
import { User } from "./ground/user.ts";

interface Published {
  readonly type: string;
  readonly ref?: number;
  readonly results: readonly { readonly seq: number; readonly status: string; readonly http_status: number }[];
}

class Producer {
  readonly #socket: WebSocket;
  readonly #frames: Published[] = [];
  #look = () => {};
  closed = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.#frames.push(JSON.parse(String(data)));
      this.#look();
    });
    socket.addEventListener("close", () => {
      this.closed = true;
    });
    socket.accept();
  }

  static async open(user: User): Promise<Producer> {
    const headers = { upgrade: "websocket", authorization: `Bearer ${API_KEY}` };
    const { webSocket } = await exports.default.fetch(`https://restante.test${user.path}/publish`, { headers });
    if (webSocket === null) throw new Error("It was refused.");
    const producer = new Producer(webSocket);
    expect((await producer.next()).type).toBe("publisher_established");
    return producer;
  }

  next(): Promise<Published> {
    return new Promise((done) => {
      this.#look = () => {
        const frame = this.#frames.shift();
        if (frame !== undefined) done(frame);
      };
      this.#look();
    });
  }

  async publish(messages: readonly unknown[]): Promise<Published["results"]> {
    this.#socket.send(JSON.stringify({ type: "publish", ref: 1, messages }));
    return (await this.next()).results;
  }
}

test("[P1] it sleeps with the object, and goes on when it wakes; it is no connection, before and after", async () => {
  const user = new User();
  const producer = await Producer.open(user);
  const [first] = await producer.publish([{ type: "a" }]);
  await user.evict();
  const [second] = await producer.publish([{ type: "b" }]);
  expect(second?.seq).toBeGreaterThan(first?.seq ?? 0);
  await user.evict();
  expect((await user.get()).body).toMatchObject({ connected: false, connections: [], held: { count: 2 } });
  const client = await user.connect();
  expect((await client.received(2)).map(({ seq }) => seq)).toEqual([first?.seq, second?.seq]);
});

test("[P5, U4] it outlives an erasure and a revocation", async () => {
  const user = new User();
  const producer = await Producer.open(user);
  await producer.publish([{ type: "a" }]);
  await user.revoke();
  await user.erase();
  const [after] = await producer.publish([{ type: "b" }]);
  expect(after?.status).toBe("queued");
  expect((await user.stored()).map(({ type }) => type)).toEqual(["b"]);
});

test("[P5, D1] a crash: what was replied to is held, and the socket is gone", async () => {
  const user = new User();
  const producer = await Producer.open(user);
  const results = await producer.publish([{ type: "a" }, { type: "b" }]);
  await user.crash();
  await expect.poll(() => producer.closed).toBe(true);
  expect((await user.stored()).map(({ seq }) => seq)).toEqual(results.map(({ seq }) => seq));
});

test.each([false, true])(
  "[D8] frames of 100, with ids: %s: at most 0.1 rows a message from send to release",
  async (ids) => {
    const user = new User();
    await user.get();
    const rows = await countingRows(user);
    const client = await user.connect();
    const producer = await Producer.open(user);
    for (let n = 0; n < 1_000; n += 100) {
      clock.advance(10);
      await producer.publish(
        Array.from({ length: 100 }, (_, at) => ({ type: "a", ...(ids ? { id: `id-${n + at}` } : {}) })),
      );
      await client.received(n + 100);
      client.ack();
    }
    await client.settle();
    clock.advance(20 * SECOND_MS);
    await user.alarm();
    const { total } = await rows.counted();
    console.log(`rows written, a producer's frames of 100${ids ? ", with ids" : ""}: ${total / 1_000} a message`);
    expect((await user.stored()).length).toBe(0);
    expect(total / 1_000).toBeLessThanOrEqual(0.1);
  },
);
