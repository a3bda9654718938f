import { afterEach, expect, test, vi } from "vitest";
import type { CarrierEnd } from "../../src/client/carrier.ts";
import { openEventStream } from "../../src/client/event-stream.ts";

afterEach(() => {
  vi.unstubAllGlobals();
});

const TEXTS = [
  { type: "connection_established", connection_id: "c.1" },
  { type: "messages", prev: 0, messages: [{ seq: 1, data: "ü ✓ 📬 and\nevent: y\r\ndata: x\n\n" }] },
  // JSON leaves these as they are, and some take them for the ends of lines.
  { type: "messages", prev: 1, messages: [{ seq: 2, data: "a\u2028data: x\u2029event: y\u0085z" }] },
  {
    type: "messages",
    prev: 2,
    messages: [
      { seq: 3, data: "" },
      { seq: 4, data: "x".repeat(1_000) },
    ],
  },
  { type: "gap", prev: 4, seq: 5, count: 1, reasons: {} },
].map((frame) => JSON.stringify(frame));

/** As src/worker/event-format.ts writes it. */
const eventOf = (text: string): string => {
  const { type, seq } = JSON.parse(text);
  return `event: ${type}\n${seq === undefined ? "" : `id: ${seq}\n`}data: ${text}\n\n`;
};
const CLOSE = 'event: close\nretry: 1000\ndata: {"code":4408,"reason":"ack_timeout"}\n\n';
const STREAM = new TextEncoder().encode(`retry: 2000\n\n${TEXTS.map(eventOf).join(":\n\n")}${CLOSE}`);

interface Request {
  readonly url: string;
  readonly body: unknown;
  readonly token: string | null;
  readonly signal: AbortSignal | null | undefined;
}

/** A stream whose server gives these answers: to the first request `stream`, to the posts after it `post`. */
const stage = (
  stream: () => Response | Promise<Response>,
  post: () => Response | Promise<Response> = () => new Response(),
) => {
  const requests: Request[] = [];
  vi.stubGlobal("fetch", async (url: URL, { body, headers, signal }: RequestInit) => {
    const token = new Headers(headers).get("authorization");
    requests.push({ url: url.href, body: typeof body === "string" ? JSON.parse(body) : undefined, token, signal });
    return requests.length === 1 ? stream() : post();
  });
  const texts: string[] = [];
  let signs = 0;
  const ended = Promise.withResolvers<CarrierEnd>();
  const token = { text: "first", claims: {} };
  const carrier = openEventStream(
    {
      base: new URL("https://restante.example/at/"),
      query: new URLSearchParams({ after: "7" }),
      token: () => token,
    },
    {
      alive: () => {
        signs += 1;
      },
      frame: (text) => texts.push(text),
      closed: ended.resolve,
    },
  );
  return { carrier, requests, texts, token, ended: ended.promise, signs: () => signs };
};

const streamOf = (...chunks: readonly Uint8Array[]) =>
  new Response(
    new ReadableStream({
      start: (output) => {
        for (const chunk of chunks) output.enqueue(chunk);
        output.close();
      },
    }),
  );

test("[C10] frames arrive whole wherever the stream is cut in two, in the midst of a character too", async () => {
  for (let at = 0; at <= STREAM.length; at += 1) {
    const { texts, ended } = stage(() => streamOf(STREAM.subarray(0, at), STREAM.subarray(at)));
    expect(await ended).toEqual({ code: 4408, reason: "ack_timeout" });
    expect(texts, `cut at ${at}`).toEqual(TEXTS);
  }
});

test("[C10] frames arrive whole where every byte comes alone", async () => {
  const { texts, ended } = stage(() => streamOf(...Array.from(STREAM, (byte) => Uint8Array.of(byte))));
  expect(await ended).toEqual({ code: 4408, reason: "ack_timeout" });
  expect(texts).toEqual(TEXTS);
});

test("[C10] a comment is a sign of life and no frame", async () => {
  const { texts, ended, signs } = stage(() =>
    streamOf(...[":\n\n", ":\n\n"].map((text) => new TextEncoder().encode(text))),
  );
  await ended;
  expect(signs()).toBe(2);
  expect(texts).toEqual([]);
});

test("[C10] a stream that ends without a close, or breaks, is a lost connection", async () => {
  const event = new TextEncoder().encode(eventOf(TEXTS[0] ?? ""));
  expect(await stage(() => streamOf(event)).ended).toEqual({ code: 1006, reason: "" });
  const breaks = new ReadableStream({
    start: (output) => output.enqueue(event),
    pull: (output) => output.error(new TypeError("terminated")),
  });
  expect(await stage(() => new Response(breaks)).ended).toEqual({ code: 1006, reason: "" });
  expect(await stage(() => Promise.reject(new TypeError("fetch failed"))).ended).toEqual({ code: 1006, reason: "" });
});

test("[C11] a refusal ends it with the close code that says the same, and a proxy's page with none", async () => {
  const problem = { code: "token_expired", detail: "Get a new one.", status: 401 };
  const refused = stage(() => Response.json(problem, { status: 401 }));
  expect(await refused.ended).toEqual({ code: 4401, reason: "token_expired", detail: "Get a new one." });
  const page = stage(() => new Response("<h1>Bad gateway</h1>", { status: 502 }));
  expect(await page.ended).toMatchObject({ code: 1006, reason: "http_502" });
});

test("[C10] it asks below the base URL, with its query and with its token in a header", async () => {
  const { requests, ended } = stage(() => streamOf());
  await ended;
  expect(requests[0]).toMatchObject({ url: "https://restante.example/at/v1/events?after=7", token: "Bearer first" });
});

/** A stream that stays open. */
const open = () =>
  new Response(
    new ReadableStream({ start: (output) => output.enqueue(new TextEncoder().encode(eventOf(TEXTS[0] ?? ""))) }),
  );
const until = (holds: () => boolean) => vi.waitFor(() => expect(holds()).toBe(true));

test("[C10, C5] acks are posted one after another; of those that wait only the newest, and no reject is left out or overtaken", async () => {
  const answers: ((response: Response) => void)[] = [];
  const { carrier, requests, texts, token } = stage(open, () => new Promise((answer) => answers.push(answer)));
  await until(() => texts.length === 1);
  for (const seq of [1, 2, 3]) carrier.send({ type: "ack", seq });
  carrier.send({ type: "reject", seq: 4, reason: "no" });
  for (const seq of [5, 6]) carrier.send({ type: "ack", seq, checkpoint: seq - 1 });
  carrier.send({ type: "ping" });
  // A token that was renewed meanwhile is the one to use.
  token.text = "second";
  for (let answered = 0; answered < 4; answered += 1) {
    await until(() => answers.length > answered);
    // A lost one is not repeated, and holds nothing up.
    answers[answered]?.(answered === 1 ? Response.error() : new Response());
  }
  expect(requests.slice(1).map(({ url, body, token }) => [url.split("/at/")[1], body, token])).toEqual([
    ["v1/connections/c.1/ack", { seq: 1 }, "Bearer first"],
    ["v1/connections/c.1/ack", { seq: 3 }, "Bearer second"],
    ["v1/connections/c.1/reject", { seq: 4, reason: "no" }, "Bearer second"],
    ["v1/connections/c.1/ack", { seq: 6, checkpoint: 5 }, "Bearer second"],
  ]);
  carrier.close(1000, "");
});

test("[C10] a post that cannot be sent does not keep the next from it", async () => {
  const { carrier, requests, texts } = stage(open, () => Promise.reject(new TypeError("fetch failed")));
  await until(() => texts.length === 1);
  carrier.send({ type: "ack", seq: 1 });
  await until(() => requests.length === 2);
  carrier.send({ type: "ack", seq: 2 });
  await until(() => requests.length === 3);
  expect(requests.at(-1)?.body).toEqual({ seq: 2 });
  carrier.close(1000, "");
});

test("[C10] closed by its owner it hangs up, and says nothing of it", async () => {
  const { carrier, requests, texts, ended } = stage(open);
  await until(() => texts.length === 1);
  carrier.close(1000, "");
  expect(requests[0]?.signal?.aborted).toBe(true);
  await new Promise((done) => setImmediate(done));
  expect(await Promise.race([ended, "nothing"])).toBe("nothing");
});
