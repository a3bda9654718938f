/** Holds PROTOCOL.md to the code: its tables, its examples, and every number in its sentences. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { overTime } from "../../src/monitor/steps.ts";
import { NodeSql } from "../../src/outbox/node-sql.ts";
import { Outbox } from "../../src/outbox/outbox.ts";
import { trailOf } from "../../src/outbox/trail.ts";
import { bitOf } from "../../src/protocol/attention.ts";
import { parseClientFrame } from "../../src/protocol/client-frames.ts";
import { ERRORS, refuse } from "../../src/protocol/errors.ts";
import * as frames from "../../src/protocol/frames.ts";
import * as http from "../../src/protocol/http.ts";
import { isDevice } from "../../src/protocol/identifiers.ts";
import { rfc3339 } from "../../src/protocol/instant.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { type Happening, liveFrame, skippedFrame } from "../../src/protocol/live-frames.ts";
import { LOCATIONS } from "../../src/protocol/location.ts";
import { DEAD_LETTER_REASONS, type MessageStatus } from "../../src/protocol/message.ts";
import { NAMED_MAX, RANGES } from "../../src/protocol/monitor-api.ts";
import { messageReply, problemBody, problemOutcome, sentOutcome } from "../../src/protocol/outcomes.ts";
import { parsePublisherFrame, publishedFrame, publisherEstablishedFrame } from "../../src/protocol/publish-frames.ts";
import { READINESS_STEPS, type Readiness } from "../../src/protocol/readiness.ts";
import { userReply } from "../../src/protocol/user-reply.ts";
import { accessSettings } from "../../src/settings/access.ts";
import { DELIVERY_DEFAULTS, deliverySettings } from "../../src/settings/delivery.ts";
import { ATTEMPT_DELAYS_MS } from "../../src/webhooks/schedule.ts";
import { closeEvent, frameEvent } from "../../src/worker/event-format.ts";
import { attentionPage, jobReply } from "../../src/worker/operator-replies.ts";
import { deadLetterReply } from "../../src/worker/replies.ts";
import { TOKEN_SECRET } from "../support/credentials.ts";
import { projectDir } from "../support/worker-config.ts";
import { mailboxNameOf, ROUTES, workerUnderTest } from "./worker-under-test.ts";

beforeEach(() => void vi.spyOn(console, "log").mockImplementation(() => {}));
afterEach(() => vi.restoreAllMocks());

const page = readFileSync(join(projectDir, "src/protocol/PROTOCOL.md"), "utf8");

/** Rows below the header `| first |…`, as cells. */
const table = (first: string): readonly (readonly string[])[] => {
  const [, below = ""] = page.split(`\n| ${first} |`);
  const lines = below.split("\n").slice(2);
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(0, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};

/** Fenced blocks of a language. */
const blocks = (language: string): readonly string[] =>
  [...page.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter((m) => m[1] === language).map((m) => m[2] ?? "");

/** What stands between backquotes. */
const quoted = (text = ""): readonly string[] => [...text.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? "");

/** A private constant of a file in src. */
const constant = (file: string, name: string): number => {
  const value = new RegExp(`const ${name} = ([\\d._]+);`).exec(
    readFileSync(join(projectDir, "src", file), "utf8"),
  )?.[1];
  return Number(value?.replaceAll("_", ""));
};

test("[E1, C11] PROTOCOL.md lists every error code with its status, close code, retry and title", () => {
  expect(table("code")).toEqual(
    Object.entries(ERRORS).map(([code, { status, close, retry, title }]) => [
      `\`${code}\``,
      String(status ?? ""),
      String(close ?? ""),
      retry,
      title,
    ]),
  );
});

test("[C11] PROTOCOL.md says for each close code which errors it stands for", () => {
  const reasons: Record<string, readonly string[]> = {};
  // What no error stands for: the platform's, and a client's own.
  for (const code of [...Object.values(frames.CLOSE), 1006]) reasons[code] = [];
  for (const [code, { close }] of Object.entries(ERRORS)) {
    if (close !== undefined) reasons[close] = [...(reasons[close] ?? []), code].toSorted();
  }
  expect(Object.fromEntries(table("close").map(([close, cell]) => [close, quoted(cell).toSorted()]))).toEqual(reasons);
});

test("[E1] a code that PROTOCOL.md names beside a status or close code has that one", () => {
  const pairs = [...page.matchAll(/(\d{3,4}) `([a-z]+_[a-z_]+|internal|unavailable|overloaded)`/g)];
  expect(pairs.length).toBeGreaterThan(30);
  const wrong = pairs.filter(([, number, code]) => {
    const row = ERRORS[code as keyof typeof ERRORS];
    return row === undefined || ![row.status, row.close].includes(Number(number));
  });
  expect(wrong.map(([pair]) => pair)).toEqual([]);
});

const UNITS: Readonly<Record<string, number>> = {
  bytes: 1,
  KiB: 1_024,
  MiB: 1_024 ** 2,
  second: 1_000,
  seconds: 1_000,
  hour: 3_600_000,
  hours: 3_600_000,
  days: 86_400_000,
};

test("PROTOCOL.md lists every limit with its value, and the setting that changes it", () => {
  const listed = table("name").map(([name, value = ""]) => {
    const [number = "", unit] = value.split(" ");
    const isBare = !/(?:Bytes|Ms)$/.test(quoted(name)[0] ?? "");
    const factor = isBare && unit === undefined ? 1 : UNITS[unit ?? ""];
    return [quoted(name)[0], Number(number.replaceAll(",", "")) * (factor ?? Number.NaN)];
  });
  expect(listed).toEqual(Object.entries(LIMITS));

  // A setting moves the delivery setting of the limit's name, and no other.
  for (const [name, , , setting] of table("name").filter((row) => row[3] !== "")) {
    const { settings: changed } = deliverySettings({
      [quoted(setting)[0] ?? ""]: setting?.includes("BYTES") ? "1000000" : "700",
    });
    const differing = Object.entries(changed).filter(
      ([key, value]) => DELIVERY_DEFAULTS[key as keyof typeof changed] !== value,
    );
    expect(differing.map(([key]) => key)).toEqual(quoted(name));
  }
});

test("[A1] PROTOCOL.md lists every route with its scopes, its query and its body", () => {
  const keys = (schema: { readonly entries: object }) => Object.keys(schema.entries);
  const queries: Readonly<Record<string, readonly string[]>> = {
    "GET /v1/users/{user}/messages": keys(http.pageQuery),
    "GET /v1/users/{user}/dead-letters": keys(http.deadLettersQuery),
    "POST /v1/users/{user}/dead-letters/requeue": keys(http.reasonQuery),
    "DELETE /v1/users/{user}/dead-letters": keys(http.reasonQuery),
    "GET /v1/users/{user}/webhooks": keys(http.pageQuery),
    "GET /v1/attention": keys(http.attentionQuery),
    "POST /v1/dead-letters/requeue": keys(http.bulkQuery),
    "DELETE /v1/dead-letters": keys(http.bulkQuery),
    "GET /v1/jobs": keys(http.noQuery),
    "GET /v1/jobs/{job}": keys(http.noQuery),
    "DELETE /v1/jobs/{job}": keys(http.noQuery),
    "GET /v1/socket": keys(http.socketQuery),
    "GET /v1/events": keys(http.socketQuery),
    "PUT /v1/connections/{connection_id}/token": keys(http.noQuery),
    "POST /v1/connections/{connection_id}/ack": keys(http.tokenQuery),
    "POST /v1/connections/{connection_id}/reject": keys(http.tokenQuery),
    "GET /metrics": keys(http.noQuery),
    "GET /v1/monitor": keys(http.monitorQuery),
    "GET /v1/alerts": keys(http.noQuery),
    "GET /v1/key": keys(http.noQuery),
    "GET /health": keys(http.noQuery),
    "GET /ready": keys(http.noQuery),
    "GET /openapi.json": keys(http.noQuery),
    "GET /asyncapi.json": keys(http.noQuery),
  };
  const bodies: Readonly<Record<string, readonly string[]>> = {
    "POST /v1/users/{user}/messages": keys(http.sendBody),
    "POST /v1/messages": keys(http.batchBody),
    "POST /v1/connections/{connection_id}/ack": keys(http.ackBody),
    "POST /v1/connections/{connection_id}/reject": keys(http.rejectBody),
    "POST /v1/users/{user}/tokens": keys(http.tokenBody),
    "POST /v1/dead-letters/requeue": keys(http.requeueBody),
    "POST /v1/users/{user}/dead-letters/requeue": keys(http.requeueBody),
    "POST /v1/users/{user}/dead-letters/{seq}/requeue": keys(http.requeueBody),
  };
  const routes = (ROUTES as readonly ((typeof ROUTES)[number] & { readonly scopes?: readonly string[] })[]).map((r) => {
    const route = `${r.method} ${r.path.replace(/:(\w+)/g, "{$1}")}`;
    const scopes = r.scopes?.map((s) => `\`${s}\``).join(" or ");
    const scope = { backend: scopes, user: "user token", open: scopes ? `none, or ${scopes}` : "none" }[r.plane];
    return [
      route,
      scope,
      [...(queries[route] ?? keys(http.placedQuery))].toSorted(),
      [...(bodies[route] ?? [])].toSorted(),
    ];
  });
  const listed = table("route").map(([route, scope, query, body]) => [
    quoted(route)[0],
    scope,
    quoted(query).toSorted(),
    quoted(body).toSorted(),
  ]);
  expect(listed.toSorted()).toEqual(routes.toSorted());
  for (const location of LOCATIONS) expect(page).toContain(`\`${location}\``);
});

test("PROTOCOL.md names no path that is no route", () => {
  const patterns = ROUTES.map(({ path }) => path.replace(/:(\w+)/g, "{$1}"));
  const named = [...page.matchAll(/\/v1\/[\w{}/-]*[\w}]/g)].map(([path]) => path.replace("/ada/", "/{user}/"));
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((path) => !patterns.includes(path))).toEqual([]);
});

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
  expect(blocks("text")).toContain(events.replace(/\n$/, ""));
});

for (const [name, text] of Object.entries(examples)) {
  test(`${name} reads in PROTOCOL.md as the code writes it`, () => {
    const shown = blocks("json").filter((block) => !block.startsWith('{"type":"ping"}'));
    expect(shown.map((block) => JSON.parse(block))).toContainEqual(JSON.parse(text));
  });
}

test("[C10] events read in PROTOCOL.md as the code writes them", () => {
  const messages = frames.messagesFrame(0, [frames.messageEntry(order)]);
  const events = frameEvent(JSON.parse(messages), messages) + closeEvent(4401, "token_expired", 0);
  expect(blocks("text")).toContain(events.replace(/\n$/, ""));
});

test("[C5, C6, C8, P2] the frames that PROTOCOL.md lets a client send are taken, and every other example is the server's", () => {
  expect(blocks("json")).toContain(`${frames.PING}\n${frames.PONG}\n`);
  const shown = blocks("json").filter((block) => !block.startsWith(frames.PING));
  const fromCode = Object.values(examples).map((text) => JSON.stringify(JSON.parse(text)));
  const [publish, ...others] = shown
    .filter((block) => !fromCode.includes(JSON.stringify(JSON.parse(block))))
    .toSorted((a, b) => Number(b.includes('"publish"')) - Number(a.includes('"publish"')));
  expect(parsePublisherFrame(publish ?? "")).toEqual(JSON.parse(publish ?? ""));
  expect(others.map((block) => parseClientFrame(block).type)).toEqual(["ack", "reject"]);
  for (const block of others) expect(parseClientFrame(block)).toEqual(JSON.parse(block));
});

test("[M4] PROTOCOL.md names every step of the start-up check, in order", () => {
  const [, steps = ""] = prose.split("check that passes are");
  expect(quoted(steps).slice(0, READINESS_STEPS.length)).toEqual(READINESS_STEPS);
});

test("PROTOCOL.md names every status of a message", () => {
  const statuses: Readonly<Record<MessageStatus, true>> = {
    ...{ queued: true, delivered: true, expired: true, rejected: true, undeliverable: true },
    ...{ replaced: true, recalled: true, dropped: true, erased: true },
  };
  const [, ended] = table("word").find(([word]) => word === "ended") ?? [];
  expect(quoted(ended).toSorted()).toEqual(Object.keys(statuses).toSorted());
  const [, deadLetter] = table("word").find(([word]) => word === "dead letter") ?? [];
  expect(quoted(deadLetter)).toEqual(DEAD_LETTER_REASONS);
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
  const [code = ""] = blocks("js");
  const call = `process.stdout.write(userToken(${JSON.stringify(TOKEN_SECRET)}, "ada", "phone"));`;
  await isTaken(
    execFileSync(process.execPath, ["--input-type=module", "-e", code + call], { encoding: "utf8" }),
    "phone",
  );
});

const hasPython = spawnSync("python3", ["--version"]).status === 0;

test.runIf(hasPython)("[A2] a token that is signed as PROTOCOL.md shows in Python is taken", async () => {
  const [code = ""] = blocks("python");
  const call = `print(user_token(${JSON.stringify(TOKEN_SECRET)}, "ada"), end="")`;
  await isTaken(execFileSync("python3", ["-c", code + call], { encoding: "utf8" }));
});

const count = (n: number): string => n.toLocaleString("en-US");
const inDays = (ms: number): string => `${ms / 86_400_000} days`;
const inHours = (ms: number): string => `${ms / 3_600_000} hour${ms === 3_600_000 ? "" : "s"}`;
const inSeconds = (ms: number): string => `${ms / 1_000} second${ms === 1_000 ? "" : "s"}`;

/** D8 and D9 allow so long; a setting for acks cannot go beyond. */
const LATE_S = 10;
/** Of text in one entry. */
const FOLD_KIB = 48;
/** How long PROTOCOL.md advises a client to gather acks. */
const GATHER_MS = 20;

const RETRY_MIN_MS = constant("worker/event-format.ts", "RETRY_MIN_MS");

const inMinutes = (ms: number): string => `${ms / 60_000} minutes`;
/** What a webhook waits between attempts. */
const retries = ATTEMPT_DELAYS_MS.slice(1).map((ms) => {
  if (ms < 60_000) return inSeconds(ms);
  return ms < 3_600_000 ? inMinutes(ms) : inHours(ms);
});

/** The sentences with numbers, each with the code's. */
const L = LIMITS;
const sentences: readonly string[] = [
  `at most ${inSeconds(constant("worker/ready.ts", "REPEATED_MS"))} behind`,
  `\`15m\`, in slots of ${inSeconds(RANGES["15m"].slotMs)} and the default`,
  `at once, and every ${inSeconds(constant("worker/monitoring.ts", "EVERY_MS"))}.`,
  `up to ${NAMED_MAX} \`mailboxes\` that it happens to`,
  `and \`first_seq\`, up to ${FOLD_KIB} KiB. So`,
  "an integer, and from 1 to `batchMaxMessages` messages",
  `advance its ack for ${inSeconds(L.ackTimeoutMs)} is closed with 4408`,
  `not seen for ${inDays(L.deviceTtlMs)} is forgotten`,
  `Where ${L.strikesMax} connections of one device`,
  `runs later, by up to ${LATE_S} s.`,
  `else within ${LATE_S} s or when its connection ends`,
  `*recorded*, at most ${LATE_S} s after it came`,
  `4401, follows within ${LATE_S} s.`,
  `\`limit\` is ${L.pageDefault} where it is absent, and at most ${count(L.pageMax)}.`,
  `More than ${L.waitMaxMs / 1_000} is granted ${L.waitMaxMs / 1_000}, as`,
  `Where ${count(L.waitersMax)} wait already`,
  `held and for ${inHours(L.receiptTtlMs)} after its end; of many ends, at least the last ${count(L.receiptsMin)} are known`,
  `above ${inDays(L.ttlMaxMs)} it is granted ${inDays(L.ttlMaxMs)}, absent it is ${inDays(L.ttlDefaultMs)}, and`,
  `says, or ${inSeconds(L.ephemeralWaitMs)}: 200`,
  `absent it is ${inHours(L.tokenTtlDefaultMs)}, above ${inHours(L.tokenTtlMaxMs)} it is granted ${inHours(L.tokenTtlMaxMs)}.`,
  `is kept for ${inDays(L.deadLetterTtlMs)}, and the newest ${count(L.deadLettersMax)} at most`,
  `un-acked entries this client takes; ${L.windowMaxMessages} where absent, and at most`,
  `sends nothing for ${constant("delivery/streaming.ts", "HEARTBEATS_MISSED")} × \`heartbeat_ms\``,
  `or ${GATHER_MS} ms after the first un-acked one`,
  "sends 1 to `batchMaxMessages` messages",
  `within ${RETRY_MIN_MS / 1_000} to ${inSeconds(RETRY_MIN_MS + constant("worker/event-format.ts", "RETRY_SPREAD_MS"))}; where`,
  `4413), after ${inHours(L.tokenTtlMaxMs)}: close`,
  `or ${inHours(L.tokenTtlMaxMs)} after its \`iat\`, whichever`,
  `ahead by ${inSeconds(L.tokenClockSkewMs)} at most`,
  `at least ${constant("settings/access.ts", "SECRET_MIN_BYTES")} bytes; \`TOKEN_SECRET_OLD\``,
  "of its own: 1 to 64 of `A-Z a-z 0-9 . _ ~ -`",
  `after ${retries.slice(0, 3).join(", ")}, then ${retries
    .slice(3, -1)
    .map((text) => text.split(" ")[0])
    .join(", ")} and ${retries.at(-1)}, each`,
  `answer within ${inSeconds(constant("settings/webhooks.ts", "TIMEOUT_MS"))}. 410 ends it at once.`,
  `given up is kept for ${constant("webhooks/queue.ts", "FAILED_TTL_DAYS")} days.`,
  "answered 2xx: it comes",
  `nobody has acked ${inMinutes(L.heldTooLongMs)} after it was accepted`,
  `with ${L.timeoutsInARow} connections of one device in a row`,
  `and by D9 up to ${LATE_S} s after its ack.`,
  `Jobs are known for ${constant("monitor/bulk-jobs.ts", "KEPT_DAYS")} days.`,
];

/** The page as running text, without list numbers and what other tests hold: fences, the tables of errors and limits. */
const prose = page
  .replace(/^```[\s\S]*?^```$/gm, "")
  .replace(/^\| (?:code|name) \|[\s\S]*?\n\n/gm, "")
  .replace(/^\d+\. /gm, "")
  .replace(/\s+/g, " ");

test("every number in the sentences of PROTOCOL.md is the code's", () => {
  expect(sentences.filter((sentence) => !prose.includes(sentence))).toEqual([]);
  let rest = prose;
  for (const sentence of sentences) rest = rest.replaceAll(sentence, "");
  const known = new Set(
    Object.values(ERRORS).flatMap(({ status, close }) => [status, close].filter((n) => n !== undefined)),
  );
  // What succeeds, a client's goodbye, no close at all, and the platform's and client's closes.
  for (const code of [200, 202, 1000, 1006, ...Object.values(frames.CLOSE)]) known.add(code);
  const bare = rest
    .replace(/`[^`]*`/g, "")
    .replace(/\b[SCDUAEMNOP]\d+\b|\bRFC \d+|\b(?:Open|Async)API [\d.]+|\b[45]xx\b|\b40[13]s\b|UTF-8/g, "");
  const strange = [...bare.matchAll(/\d[\d.,]*\d|\d/g)].filter(([n]) => n !== "0" && !known.has(Number(n)));
  expect(strange.map(({ index }) => bare.slice(Math.max(0, index - 30), index + 20))).toEqual([]);
});

test("what those sentences rest on is so", () => {
  expect(deliverySettings({ ACK_FLUSH_MS: String(LATE_S * 1_000) }).settings.ackFlushMs).toBe(LATE_S * 1_000);
  expect(deliverySettings({ ACK_FLUSH_MS: String(LATE_S * 1_000 + 1) }).faults[0]).toMatch("ACK_FLUSH_MS");
  expect(DELIVERY_DEFAULTS.ackFlushMs).toBeLessThanOrEqual(LATE_S * 1_000);
  expect(readFileSync(join(projectDir, "src/outbox/folding.ts"), "utf8")).toContain(
    `FOLD_MAX_BYTES = ${FOLD_KIB} * 1_024`,
  );
  expect(prose).toContain("at most twice a second;");
  expect(1_000 / constant("mailbox/observers.ts", "STATE_EVERY_MS")).toBe(2);
  expect(1_000 / GATHER_MS).toBeLessThanOrEqual(LIMITS.clientFramesPerSecond / 2);
  expect(["", "a", "AZaz09._~-", "a".repeat(64), "a".repeat(65), "a b"].map(isDevice)).toEqual([
    ...[false, true, true, true, false, false],
  ]);
  expect(prose).toContain("(default `JWT,at+jwt`)");
  const provider = { JWKS_URL: "https://id.example/jwks", JWT_ISSUER: "https://id.example", JWT_AUDIENCE: "app" };
  expect(accessSettings(provider).userTokens).toMatchObject({ value: { provider: { types: ["jwt", "at+jwt"] } } });
});

test("what PROTOCOL.md refers to exists", () => {
  const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
  const links = [...page.matchAll(/\]\(#([^)]*)\)/g)].map((m) => m[1] ?? "");
  expect(links.length).toBeGreaterThan(10);
  expect(links.filter((link) => !anchors.includes(link))).toEqual([]);
  const names = quoted(page.replace(/^```[\s\S]*?^```$/gm, "")).filter((name) => /^[a-z]+(?:[A-Z][a-z]+)+$/.test(name));
  // The functions of JavaScript that the page names are not limits.
  expect(names.filter((name) => !(name in LIMITS) && name !== "encodeURIComponent")).toEqual([]);
});
