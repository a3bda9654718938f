/** Holds PROTOCOL.md to the code: each example reads as the code writes it, or is taken by it. */

import { execFileSync, spawnSync } from "node:child_process";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { overTime } from "../../src/monitor/steps.ts";
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import { trailOf } from "../../src/outbox/trail.ts";
import { bitOf } from "../../src/protocol/attention.ts";
import { parseClientFrame } from "../../src/protocol/client-frames.ts";
import { refuse } from "../../src/protocol/errors.ts";
import * as frames from "../../src/protocol/frames.ts";
import { rfc3339 } from "../../src/protocol/instant.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { type Happening, liveFrame, skippedFrame } from "../../src/protocol/live-frames.ts";
import { messageReply, problemBody, problemOutcome, sentOutcome } from "../../src/protocol/outcomes.ts";
import { parsePublisherFrame, publishedFrame, publisherEstablishedFrame } from "../../src/protocol/publish-frames.ts";
import type { Readiness } from "../../src/protocol/readiness.ts";
import { userReply } from "../../src/protocol/user-reply.ts";
import { DELIVERY_DEFAULTS } from "../../src/settings/delivery.ts";
import { closeEvent, frameEvent } from "../../src/worker/event-format.ts";
import { attentionPage, jobReply } from "../../src/worker/operator-replies.ts";
import { deadLetterReply } from "../../src/worker/replies.ts";
import { TOKEN_SECRET } from "../support/credentials.ts";
import { blocks, read } from "./document.ts";
import { mailboxNameOf, workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());
const page = read("protocol/PROTOCOL.md");

const SEQ = 1_838_550_220_800_000;
const AT = Date.UTC(2026, 10, 23, 18, 40);
const LATER = AT + 250;
const TOKEN_END = AT + LIMITS.tokenTtlDefaultMs;
const MAILBOX = mailboxNameOf("ada");
const CONNECTION = `${MAILBOX.slice(0, 16)}.4c9d`;
const order = { seq: SEQ, id: "order-7", type: "order", data: '{"n":7}', acceptedAt: AT };

/** Of a message that nobody has acked for five minutes. */
const webhookOf = (): string => {
  const settings = { ...DELIVERY_DEFAULTS, hasReceiver: true };
  const outbox = new Outbox(new NodeSql(), settings, MAILBOX);
  outbox.own("ada");
  outbox.welcome("phone", new Set(), AT);
  const fields = { topic: "orders", fallbackMs: 300_000 };
  const taken = outbox.append({ type: "order", data: '{"n":7}', bytes: 31, id: "order-7", digest: "", ...fields }, AT);
  if (taken.kind !== "new") throw new Error("There is room.");
  outbox.escalate(AT + 300_000);
  const body = outbox.webhooks.due(AT + 300_000, 1, new Set())[0]?.body ?? "";
  return body.replace(String(taken.message.head.seq), String(SEQ));
};

/** Of a message that a connection could not process. */
const rejectedTrail = (): string => {
  const stretch = { from: SEQ, through: SEQ, sentAt: AT, answer: { as: "rejected" as const, at: LATER } };
  return trailOf(
    {
      ...{ seq: SEQ, acceptedAt: AT, expiresAt: AT + LIMITS.ttlDefaultMs, requeuedFrom: null, escalatedAt: null },
      rejectReason: "no such order",
    },
    [{ connection: CONNECTION, device: "phone", stretches: [stretch] }],
    { reason: "rejected", at: LATER },
  );
};

/** What the code says where the document gives an example of it. */
const examples: Readonly<Record<string, string>> = {
  "[S7] the reply of a send": JSON.stringify(
    messageReply({
      ...{ id: "order-7", seq: SEQ, status: "delivered", devices: 2, sentTo: 1 },
      ...{ acceptedAt: AT, expiresAt: AT + LIMITS.ttlDefaultMs, deliveredAt: LATER },
    }),
  ),
  "[S9] the results of a batch": JSON.stringify({
    results: [
      sentOutcome({
        ...{ ok: true, replayed: true },
        message: {
          ...{ id: "order-7", seq: SEQ, status: "queued", devices: 0, sentTo: 0 },
          ...{ acceptedAt: AT, expiresAt: AT + LIMITS.ttlDefaultMs },
        },
      }),
      problemOutcome(refuse("outbox_full", "Send again later.", { retryAfterSeconds: 30 })),
    ],
  }),
  "[U1] a user's state": JSON.stringify(
    userReply(MAILBOX, {
      connections: [
        {
          ...{ connectionId: CONNECTION, device: "phone", openedAt: AT, sentSeq: SEQ, ackedSeq: 0, inFlight: 1 },
          ...{ window: LIMITS.windowMaxMessages, caughtUp: true, tokenExpiresAt: TOKEN_END, pingedAt: LATER },
        },
      ],
      devices: [{ device: "phone", cursor: 0, connected: true, firstSeenAt: AT, lastSeenAt: AT }],
      held: { count: 1, bytes: '{"type":"order","data":{"n":7}}'.length, oldestAt: AT },
      deadLetters: 0,
    }),
  ),
  "[D7] a dead letter": deadLetterReply({
    ...order,
    ...{ topic: "orders", reason: "rejected", rejectReason: "no such order", endedAt: LATER },
    trail: rejectedTrail(),
  }),
  "[N2] a webhook": webhookOf(),
  "[N4] who needs a person": JSON.stringify(
    attentionPage(
      [
        {
          users: [{ mailbox: MAILBOX, user: "ada", reasons: bitOf("rejected"), since: LATER, updatedAt: LATER }],
          total: 1,
          byReason: [[bitOf("rejected"), 1]],
        },
      ],
      100,
    ),
  ),
  "[N5] a job": JSON.stringify(
    jobReply({
      ...{ id: "6f1c1d8a-0c6e-4d1a-9a53-2d6f0b7f3c11", action: "requeue", status: "running" },
      range: { reason: "rejected", since: AT, until: AT + 300_000 },
      ...{ usersTotal: 2_000, usersDone: 140, usersFailed: 0, done: 311, left: 0 },
      ...{ startedAt: AT + 300_000, updatedAt: LATER + 300_000 },
    }),
  ),
  "[E1] a problem": JSON.stringify(problemBody(refuse("outbox_full", "Send again later."))),
  "[M4] what the start-up check found": JSON.stringify({
    ...{ status: "not_ready", version: "4b6d7a9e", checked_at: rfc3339(AT), duration_ms: 3_009 },
    steps: [
      { name: "configuration", ok: true, duration_ms: 0 },
      { name: "send", ok: true, duration_ms: 4 },
      { name: "connect", ok: false, duration_ms: 3_000, code: "unavailable", detail: overTime(3_000, "READY_STEP_MS") },
      { name: "clear", ok: true, duration_ms: 5 },
    ],
  } satisfies Readiness),
  "[C1] connection_established": frames.establishedFrame({
    ...{ connectionId: CONNECTION, user: "ada", device: "phone", timestamp: AT, resumed: false, cursor: 0, pending: 1 },
    ...{ window: LIMITS.windowMaxMessages, heartbeatMs: LIMITS.heartbeatMs, expiresAt: TOKEN_END },
  }),
  "[C3] messages": frames.messagesFrame(0, [frames.messageEntry(order)]),
  "[C3] deltas of a stream": frames.messagesFrame(SEQ + 3, [
    frames.foldedEntry(
      [
        ["Once ", 4],
        ["upon ", 5],
        ["a time", 7],
      ].map(([text, after]) => {
        const seq = SEQ + Number(after);
        const delta = { type: "delta", data: JSON.stringify(text), acceptedAt: AT, appendTo: "run-7" };
        return frames.messageEntry({ seq, id: `~${seq}`, ...delta });
      }),
    ),
  ]),
  "[P1] publisher_established": publisherEstablishedFrame({
    ...{ connectionId: CONNECTION, user: "ada", heartbeatMs: LIMITS.heartbeatMs },
  }),
  "[P2] published": publishedFrame(7, [
    sentOutcome({
      ...{ ok: true, replayed: false },
      message: {
        ...{ id: `~${SEQ + 4}`, seq: SEQ + 4, status: "queued", devices: 1, sentTo: 0 },
        ...{ acceptedAt: AT, expiresAt: AT + LIMITS.ttlDefaultMs },
      },
    }),
  ]),
  "[C4] gap": frames.gapFrame(SEQ, SEQ + 3, { expired: 2, overtaken: 0, undeliverable: 1 }),
  "[C2] caught_up": frames.caughtUpFrame(SEQ + 3),
  "[C11] error": frames.errorFrame("bad_frame", "Frames are text, not binary."),
};

test("[N6] what an operator is told reads in PROTOCOL.md as the code writes it", () => {
  const connection = { connection_id: CONNECTION, device: "phone" };
  const told: readonly (readonly [Happening, number])[] = [
    [{ type: "accepted", seq: SEQ, id: "order-7", message_type: "order", topic: "orders" }, AT],
    [{ type: "connected", ...connection }, AT],
    [{ type: "sent", ...connection, prev: 0, seq: SEQ, count: 1 }, AT],
    [{ type: "acked", ...connection, seq: SEQ, checkpoint: SEQ }, LATER],
    [{ type: "ended", seq: SEQ, id: "order-7", status: "delivered" }, LATER],
    [{ type: "disconnected", ...connection, code: 1_000 }, LATER],
  ];
  const texts = [...told.map(([happening, at]) => liveFrame(happening, at)), skippedFrame(12)];
  const events = texts.map((text) => frameEvent({ type: JSON.parse(text).type }, text)).join("");
  expect(blocks(page, "text")).toContain(events.replace(/\n$/, ""));
});

for (const [name, text] of Object.entries(examples)) {
  test(`${name} reads in PROTOCOL.md as the code writes it`, () => {
    const shown = blocks(page, "json").filter((block) => !block.startsWith('{"type":"ping"}'));
    expect(shown.map((block) => JSON.parse(block))).toContainEqual(JSON.parse(text));
  });
}

test("[C10] events read in PROTOCOL.md as the code writes them", () => {
  const messages = frames.messagesFrame(0, [frames.messageEntry(order)]);
  const events = frameEvent(JSON.parse(messages), messages) + closeEvent(4401, "token_expired", 0);
  expect(blocks(page, "text")).toContain(events.replace(/\n$/, ""));
});

test("[C5, C6, C8, P2] the frames that PROTOCOL.md lets a client send are taken, and every other example is the server's", () => {
  expect(blocks(page, "json")).toContain(`${frames.PING}\n${frames.PONG}\n`);
  const shown = blocks(page, "json").filter((block) => !block.startsWith(frames.PING));
  const fromCode = Object.values(examples).map((text) => JSON.stringify(JSON.parse(text)));
  const [publish, ...others] = shown
    .filter((block) => !fromCode.includes(JSON.stringify(JSON.parse(block))))
    .toSorted((a, b) => Number(b.includes('"publish"')) - Number(a.includes('"publish"')));
  expect(parsePublisherFrame(publish ?? "")).toEqual(JSON.parse(publish ?? ""));
  expect(others.map((block) => parseClientFrame(block).type)).toEqual(["ack", "reject"]);
  for (const block of others) expect(parseClientFrame(block)).toEqual(JSON.parse(block));
});

/** Whether the Worker takes a token, where it verifies one. */
const isTaken = async (token: string, device?: string): Promise<void> => {
  const worker = workerUnderTest(undefined, () => ({ ok: true, expiresAt: AT }));
  const path = `/v1/connections/${MAILBOX.slice(0, 16)}.abc/token`;
  expect(await worker.fetch("PUT", path, { headers: { authorization: `Bearer ${token}` } })).toMatchObject({
    status: 200,
  });
  const facts = worker.touches[0]?.args[1] as { readonly issuedAt: number; readonly device?: string };
  expect(facts.device).toBe(device);
  expect(Math.abs(facts.issuedAt - Date.now())).toBeLessThan(60_000);
};

test("[A2] a token that is signed as PROTOCOL.md shows in Node is taken", async () => {
  const [code = ""] = blocks(page, "js");
  const call = `process.stdout.write(userToken(${JSON.stringify(TOKEN_SECRET)}, "ada", "phone"));`;
  await isTaken(
    execFileSync(process.execPath, ["--input-type=module", "-e", code + call], { encoding: "utf8" }),
    "phone",
  );
});

const hasPython = spawnSync("python3", ["--version"]).status === 0;

test.runIf(hasPython)("[A2] a token that is signed as PROTOCOL.md shows in Python is taken", async () => {
  const [code = ""] = blocks(page, "python");
  const call = `print(user_token(${JSON.stringify(TOKEN_SECRET)}, "ada"), end="")`;
  await isTaken(execFileSync("python3", ["-c", code + call], { encoding: "utf8" }));
});
