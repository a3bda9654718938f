/** What a Mailbox reads: as little as it can. */
import { describe, expect, test } from "vitest";
import { plain, User } from "./ground/user.ts";

/** The statements that the Mailbox runs from here on, by their first words. */
const statements = async (user: User): Promise<() => Promise<readonly string[]>> => {
  const seen: string[] = [];
  await user.inside((_, { storage: { sql } }) => {
    const { exec } = sql;
    sql.exec = ((...args: Parameters<typeof exec>) => {
      seen.push(args[0].trim().split(/\s+/).slice(0, 3).join(" "));
      return exec.apply(sql, args);
    }) as typeof exec;
  });
  return () => user.inside(() => seen.splice(0));
};

const READ_ALL = "SELECT (SELECT MAX(version)";

describe("[D8] a wake after hibernation costs one query", () => {
  test("for an ack, which is recorded later", async () => {
    const user = new User();
    const client = await user.connect();
    await user.send({ type: "a" });
    await client.received(1);
    await user.evict();
    const seen = await statements(user);
    client.ack();
    await client.settle();
    expect(await seen()).toEqual([READ_ALL]);
  });

  test("for a send, and one to write it", async () => {
    const user = new User();
    const client = await user.connect();
    await user.send({ type: "a" });
    await client.received(1);
    await user.evict();
    const seen = await statements(user);
    await user.send({ type: "b" });
    // Its seq comes from a new block (D10).
    expect(await seen()).toEqual([READ_ALL, "INSERT INTO facts", "UPDATE packs SET"]);
  });

  test("however much is held for another device", async () => {
    const user = new User();
    await user.leaveDevice();
    for (let n = 0; n < 10; n += 1) await user.sendPlain(Array.from({ length: 500 }, () => plain("a")));
    const client = await user.connect({ device: "here", window: 1 });
    await client.received(1);
    await user.evict();
    const seen = await statements(user);
    client.ack();
    await client.received(2);
    // The one pack that the next message stands in: what it holds, and its contents.
    expect(await seen()).toEqual([READ_ALL, "SELECT heads FROM", "SELECT entries FROM"]);
  });
});
