/** Mutated requests of one lane: what is sent, and what every reply must keep (A6, E1, E2). */
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
    { method: "PUT", target: "/v1/connections/0123456789abcdef.x/token", headers: [`Authorization: Bearer ${token}`] },
    { method: "GET", target: "/health", headers: ["Accept: */*"] },
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
      // Streams are another user's, since their ends would change this one's state at any time.
      base = drafts(user, await mintLocally(`${user}-reads`), tally.secret);
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
