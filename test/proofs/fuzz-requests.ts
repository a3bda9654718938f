/** Mutated requests of one lane: what is sent, and what every reply must keep (A6, E1, E2). */
import { createHash } from "node:crypto";
import { Backend } from "../support/backend.ts";
import { API_KEY, mintLocally } from "../support/credentials.ts";
import { wholeState } from "../support/fuzz-canary.ts";
import { rawReplies, replyFaults, requestBytes } from "../support/fuzz-http.ts";
import type { Random } from "../support/random.ts";
import { type Draft, mutateBytes, mutateDraft } from "./fuzz-mutations.ts";
import { type FuzzTally, uuidOf } from "./fuzz-tally.ts";

/** Looked at after so many requests: if none of them was let in, nothing may have changed. */
const WINDOW = 10;
/** A user is left for a new one before its list grows over a page. */
const REQUESTS_A_USER = 200;

/** The user whose streams are opened: their ends would change another's state at any time. */
const readerOf = (user: string): string => `${user}-reads`;

/** A connection of theirs that has ended, or never was. */
const connectionOf = (reader: string): string =>
  `/v1/connections/${createHash("sha256").update(`u:${reader}`).digest("hex").slice(0, 16)}.x`;

const drafts = (user: string, token: string, data: string): readonly Draft[] => {
  const key = `Authorization: Bearer ${API_KEY}`;
  const type = "Content-Type: application/json";
  const of = `/v1/users/${user}`;
  const sending = { method: "POST", target: `${of}/messages`, headers: [key, type] };
  const full = {
    type: "fuzz",
    data: { data, list: [1, "two", null] },
    id: "m-2",
    ttl: 3_600,
    topic: "t",
    location: "weur",
  };
  const connection = connectionOf(readerOf(user));
  const entries = [full, { type: "fuzz" }, { type: "fuzz", ttl: 0 }].map((entry) => ({ to: user, ...entry }));
  const batch = JSON.stringify({ messages: entries });
  const lines = entries.map((entry) => JSON.stringify(entry)).join("\n");
  const upgrade = ["Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
  return [
    { ...sending, body: JSON.stringify({ type: "fuzz", data }) },
    { ...sending, body: JSON.stringify(full) },
    { ...sending, headers: [key, type, "Idempotency-Key: m-3", "TTL: 3600", "Topic: t"], body: '{"type":"fuzz"}' },
    { method: "GET", target: `${of}/messages?after=0&limit=10`, headers: [key] },
    { method: "GET", target: `${of}/messages/m-1`, headers: [key] },
    { method: "DELETE", target: `${of}/messages/m-0?location=weur`, headers: [key] },
    { method: "GET", target: of, headers: [key] },
    {
      method: "POST",
      target: `${of}/tokens`,
      headers: [key, type],
      body: '{"ttl":60,"device":"phone","location":"weur"}',
    },
    { method: "GET", target: `${of}/dead-letters?after=0&limit=10&reason=expired`, headers: [key] },
    { method: "POST", target: `${of}/dead-letters/1838549823456789/requeue`, headers: [key, type], body: '{"ttl":60}' },
    { method: "DELETE", target: `${of}/dead-letters/1838549823456789`, headers: [key] },
    {
      method: "GET",
      target: `/v1/socket?device=phone&window=5&after=0`,
      headers: [...upgrade, `Authorization: Bearer ${token}`],
    },
    { method: "GET", target: `/v1/socket?access_token=${token}`, headers: upgrade },
    {
      method: "GET",
      target: "/v1/socket",
      headers: [...upgrade, "Origin: http://localhost:1", `Sec-WebSocket-Protocol: restante.v1, bearer.${token}`],
    },
    { method: "POST", target: "/v1/messages?location=weur", headers: [key, type], body: batch },
    { method: "POST", target: "/v1/messages", headers: [key, "Content-Type: application/x-ndjson"], body: lines },
    { method: "GET", target: `/v1/events?access_token=${token}&device=phone&window=5&after=0`, headers: [] },
    {
      method: "GET",
      target: "/v1/events",
      headers: [`Authorization: Bearer ${token}`, "Last-Event-ID: 7", "Origin: http://localhost:1"],
    },
    ...["ack", "reject"].map((word) => ({
      method: "POST",
      target: `${connection}/${word}`,
      headers: [`Authorization: Bearer ${token}`, type],
      body: word === "ack" ? '{"seq":7,"checkpoint":6}' : '{"seq":7,"reason":"fuzz"}',
    })),
    { method: "PUT", target: `${connection}/token`, headers: [`Authorization: Bearer ${token}`] },
    { method: "GET", target: "/health", headers: ["Accept: */*"] },
    { method: "GET", target: "/ready", headers: ["Accept: */*"] },
    { method: "GET", target: "/ready", headers: [key] },
    { method: "GET", target: "/openapi.json", headers: [] },
    { method: "GET", target: "/asyncapi.json", headers: [] },
  ];
};

export const fuzzRequests = async (
  url: string,
  port: number,
  count: number,
  random: Random,
  tally: FuzzTally,
): Promise<void> => {
  const backend = new Backend(url);
  let user = "";
  let base: readonly Draft[] = [];
  let known = "";
  let isTouched = true;
  for (let at = 0; at < count; at += 1) {
    if (at % REQUESTS_A_USER === 0) {
      user = `fuzz-${uuidOf(random)}`;
      await backend.send(user, { type: "kept", id: "m-1", data: tally.secret });
      base = drafts(user, await mintLocally(readerOf(user)), tally.secret);
      isTouched = true;
    }
    const draft = mutateDraft(random.pick(base), random);
    const bytes = requestBytes(draft.method, draft.target, draft);
    const sent = random.chance(0.15) ? mutateBytes(bytes, random) : bytes;
    const replies = await rawReplies(port, sent, { halfClose: true, deadlineMs: 35_000 });
    const wrong = replies.flatMap((reply) => [
      ...replyFaults(reply),
      ...(reply.text.includes(tally.canary) ? [`[A6] a canary's data: ${reply.text.slice(0, 200)}`] : []),
      ...(reply.status === 101 && !/^GET \S*\/v1\/socket/.test(sent.toString("latin1")) ? ["[C] 101 elsewhere"] : []),
    ]);
    // Only a request whose head never came to its end may stay without an answer.
    if (replies.length === 0 && sent.includes("\r\n\r\n")) wrong.push("[E1] no reply");
    for (const fault of wrong) tally.violation(fault, sent.toString("latin1"));
    tally.request(replies.map(({ status, code }) => `${status} ${code ?? ""}`.trim()).join(" + ") || "no reply");
    isTouched ||= replies.some(({ status }) => status < 400);
    if (at % WINDOW === WINDOW - 1) {
      const state = await wholeState(backend, user);
      if (!isTouched && state !== known && !hasExpiredIn(known))
        tally.violation("[E2] refused, and changed", `${known}\n${state}`);
      known = state;
      isTouched = false;
    }
  }
};

/** A mutated ttl may have ended a message meanwhile. */
const hasExpiredIn = (state: string): boolean =>
  [...state.matchAll(/"expires_at":"([^"]+)"/g)].some(([, at]) => Date.parse(at ?? "") <= Date.now());
