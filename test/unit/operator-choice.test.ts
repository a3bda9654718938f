/** Which dead letters of all users the SDK asks for (N5): what was meant for some must not be done to all. */
import { expect, test } from "vitest";
import { type BulkChoice, createOperator } from "../../src/sender/sender.ts";

/** What was asked for, at the service that it would have gone to. */
const askedFor = async (which: object): Promise<string> => {
  let search = "";
  const operator = createOperator({
    url: "https://restante.example.com",
    key: "rk_test",
    fetch: async (url) => {
      search = new URL(url).search;
      const job = { id: "6f1c1d8a-0c6e-4d1a-9a53-2d6f0b7f3c11", action: "discard", dead_letters: { done: 0, left: 0 } };
      return { status: 202, headers: new Headers(), text: async () => JSON.stringify(job) };
    },
  });
  await operator.discardAll(which as BulkChoice);
  return search;
};

test.each([
  [{ all: true }, "?all=true"],
  [{ reason: "expired" }, "?reason=expired"],
  [{ reason: "expired", all: undefined }, "?reason=expired"],
  [{ reason: "expired", all: false }, "?reason=expired"],
  [{ reason: "expired", all: true }, "?reason=expired"],
  [{ since: new Date("2026-11-27T02:10:00Z"), all: true }, "?since=2026-11-27T02%3A10%3A00.000Z"],
  // The service says that it must be told which.
  [{ all: false }, ""],
  [{ all: undefined, reason: undefined }, ""],
  [{}, ""],
])("[N5] %o asks for %s", async (which, expected) => {
  expect(await askedFor(which)).toBe(expected);
});

test("[N5] a Date that is none is refused before anything is asked for", async () => {
  const refusal = askedFor({ until: new Date("half past two") });
  await expect(refusal).rejects.toMatchObject({
    name: "SendError",
    code: "invalid_request",
    message: /until: an instant/,
  });
});
