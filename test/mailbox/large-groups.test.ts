import { expect, test } from "vitest";
import { LIMITS } from "../../src/protocol/limits.ts";
import { plain, User } from "./ground/user.ts";

test("[S1, D1] large messages that share a commit are stored, each of them whole: a value of SQLite has 2 MB at most", async () => {
  const user = new User();
  // Quotes double in size when they are quoted once more.
  const data = JSON.stringify('"'.repeat(120_000));
  const large = Array.from({ length: 40 }, (_, n) => plain(`large-${n}`, { data, bytes: LIMITS.messageMaxBytes - 1 }));
  const sent = await user.sendPlain(large);
  expect(sent.map(({ message }) => message.status)).toEqual(large.map(() => "queued"));
  const stored = (await user.stored()).map(({ type, data }) => ({ type, data: JSON.stringify(data) }));
  expect(stored).toEqual(large.map(({ type }) => ({ type, data })));
});

test("[S1, D1] so are many small ones with long ids and topics", async () => {
  const user = new User();
  const small = Array.from({ length: 9_000 }, (_, n) => {
    const name = `${n}-`.padEnd(LIMITS.idMaxChars, "x");
    return plain("t", { id: name, digest: name, topic: name, bytes: 12 });
  });
  expect(await user.sendPlain(small)).toHaveLength(small.length);
  expect((await user.stored()).length).toBe(small.length);
}, 30_000);
