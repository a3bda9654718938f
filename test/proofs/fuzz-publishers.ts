/** Mutated frames of publishers, as text and as bytes on the wire: what each is answered with, and what it must have left (P2, P3, E2). */
import { ERRORS } from "../../src/protocol/errors.ts";
import { LIMITS } from "../../src/protocol/limits.ts";
import { Backend } from "../support/backend.ts";
import { API_KEY } from "../support/credentials.ts";
import { clientFrame, NO_FRAMES, RawSocket, SILENCE_MS } from "../support/fuzz-socket.ts";
import type { Random } from "../support/random.ts";
import { mutateBytes, mutateJson } from "./fuzz-mutations.ts";
import { type FuzzTally, uuidOf } from "./fuzz-tally.ts";

/** A user is left for a new one before its list grows over a page. */
const FRAMES_A_USER = 100;
/** What is held is asked for before and after this share of them. */
const LOOK_SHARE = 0.1;
/** So few are far too large, or too many at once: they take long to write. */
const EXCESS_SHARE = 0.003;

/** A publisher's fault ends with one of these; the server's own would be 1011 or 1013, and a violation. */
const PUBLISHERS_FAULT: ReadonlySet<number> = new Set(
  [ERRORS.bad_frame.close, ERRORS.frame_too_large.close, ERRORS.window_exceeded.close].map(Number),
);

/** Replies come in order: once this one is there, so are those before it. Its message is refused, and leaves nothing. */
const SENTINEL_REF = "the sentinel";
const SENTINEL = clientFrame(JSON.stringify({ type: "publish", ref: SENTINEL_REF, messages: [{}] }));

// biome-ignore lint/suspicious/noExplicitAny: what a frame holds is what is looked at
type Told = any;

const frames = (data: string): readonly string[] => {
  const publish = (ref: string | number, ...messages: readonly object[]) =>
    JSON.stringify({ type: "publish", ref, messages });
  const delta = { type: "delta", data, topic: "story", append: true };
  return [
    publish(1, { type: "t", data }),
    publish("two", { type: "t", data: { data, list: [1, "two", null] }, id: "m-1", ttl: 3_600, topic: "t" }),
    publish(3, { type: "t", data, id: "m-2" }, { type: "t", ttl: 60 }, { type: "t", data: [data] }),
    publish("four", delta, { ...delta, id: "d-1" }, delta),
    publish(-5, { type: "t", wait: 1 }, { type: "t", ttl: 0 }, { type: "t", data }),
    '{"type":"ping"}',
  ];
};

const heldIds = async (backend: Backend, user: string): Promise<ReadonlySet<string>> =>
  new Set((await backend.list(user, { limit: 1_000 })).body.messages.map(({ id }: { id: string }) => id));

export const fuzzPublishers = async (
  url: string,
  port: number,
  count: number,
  random: Random,
  tally: FuzzTally,
): Promise<void> => {
  const backend = new Backend(url);
  const base = frames(tally.secret);
  let user = "";
  let socket: RawSocket | undefined;
  let isTooMuch = false;
  for (let at = 0; at < count; at += 1) {
    if (at % FRAMES_A_USER === 0 || isTooMuch) {
      socket?.cut();
      socket = undefined;
      user = `fuzz-publishes-${uuidOf(random)}`;
    }
    socket ??= await RawSocket.open(port, API_KEY, `/v1/users/${user}/publish`);
    const asBytes = random.chance(0.2);
    const text = random.pick(base);
    const sent = asBytes ? text : mutated(text, random);
    const bytes = asBytes ? mutateBytes(clientFrame(text), random) : clientFrame(sent);
    // Of what was mutated as bytes nobody knows when all of it is answered.
    isTooMuch = random.chance(EXCESS_SHARE);
    const before = !asBytes && !isTooMuch && random.chance(LOOK_SHARE) ? await heldIds(backend, user) : undefined;
    for (let times = isTooMuch ? LIMITS.publishWindowMessages + 1 : 1; times > 0; times -= 1) socket.send(bytes);
    socket.send(SENTINEL);
    const isSentinel = (text: string) => JSON.parse(text).ref === SENTINEL_REF;
    const { texts, last: event } = await socket.through(isSentinel, asBytes ? SILENCE_MS : 10_000);
    const told: readonly Told[] = texts.filter((text) => !isSentinel(text)).map((text) => JSON.parse(text));
    const after = before && (await heldIds(backend, user));
    const code = event !== undefined && "end" in event ? event.end : undefined;
    const isOpen = event !== undefined && "text" in event;
    const end = event === undefined ? "silence" : isOpen ? resultsOf(told) : `closed ${code ?? "without a code"}`;
    tally.publisherFrame(end);
    const faults = told.flatMap((frame) => faultsOf(frame, tally.canary));
    if (before !== undefined && after !== undefined) faults.push(...halfDone(before, after, sent, told));
    if (!isOpen) {
      const isTold = told.at(-1)?.type === "error";
      if (code !== undefined && PUBLISHERS_FAULT.has(code)) {
        if (!isTold) faults.push(`[P3] ${code} without its error frame`);
      } else if (!asBytes && event === undefined) faults.push("[P2] no reply");
      else if (!asBytes || (event !== undefined && !NO_FRAMES.has(code))) faults.push(`[P3] closed with ${code}`);
    } else if (!asBytes) faults.push(...misanswered(sent, told));
    for (const fault of faults)
      tally.violation(fault, `${asBytes ? "bytes of " : ""}${sent.slice(0, 500)}; got ${JSON.stringify(told)}`);
    // What was taken as bytes may have been the beginning of more: the next frame needs a clean socket.
    if (isOpen && !asBytes) continue;
    socket.cut();
    socket = undefined;
  }
  socket?.cut();
};

/** A mutated frame, or a mutated message in a frame that is well formed; now and then far too long, or as binary. */
const mutated = (text: string, random: Random): string | Buffer => {
  const changed = (random.chance(0.6) ? withMutatedMessage(text, random) : undefined) ?? mutateJson(text, random);
  if (random.chance(EXCESS_SHARE)) return changed.padEnd(LIMITS.publishFrameMaxBytes + random.int(1, 1_000), " ");
  return random.chance(0.03) ? Buffer.from(changed) : changed;
};

/** Undefined where there is none, or where it is no JSON any more. */
const withMutatedMessage = (text: string, random: Random): string | undefined => {
  const frame: Told = JSON.parse(text);
  if (frame.messages === undefined) return undefined;
  const at = random.below(frame.messages.length);
  try {
    const message: unknown = JSON.parse(mutateJson(JSON.stringify(frame.messages[at]), random));
    return JSON.stringify({ ...frame, messages: frame.messages.with(at, message) });
  } catch {
    return undefined;
  }
};

/** What its messages came to, as a name to count by. */
const resultsOf = (told: readonly Told[]): string => {
  const statuses = told.flatMap(({ results = [] }) => results.map((result: Told) => result.code ?? result.http_status));
  return statuses.length === 0 ? "taken" : [...new Set(statuses)].toSorted().join(" + ");
};

/** What no frame of the server may hold, and each must. */
const faultsOf = (frame: Told, canary: string): readonly string[] => {
  const faults: string[] = [];
  if (JSON.stringify(frame).includes(canary)) faults.push("[A6] a canary's data");
  if (!["published", "pong", "error"].includes(frame.type)) faults.push(`[P2] an unknown frame ${frame.type}`);
  for (const result of frame.results ?? []) {
    const { http_status: status } = result;
    if (!(status === 200 || status === 202 || (status >= 400 && status < 500)))
      faults.push(`[E2] a result with ${status}`);
    if (status >= 400 && (result.status !== status || typeof result.detail !== "string"))
      faults.push("[E1] a refusal that is no problem");
  }
  return faults;
};

/** P2: one reply to a frame that publishes, under its `ref`, with a result for each message in its place. */
const misanswered = (sent: string | Buffer, told: readonly Told[]): readonly string[] => {
  const replies = told.filter(({ type }) => type === "published");
  const frame: Told = JSON.parse(String(sent));
  if (frame.type !== "publish") return replies.length === 0 ? [] : ["[P2] a reply to what publishes nothing"];
  const isRight = replies.length > 0 && replies.every((reply) => reply.ref === frame.ref);
  if (!isRight) return ["[P2] not its reply"];
  const isWhole = replies.every(({ results }) => results.length === frame.messages.length);
  return isWhole ? [] : ["[P2] not a result for each message"];
};

/** S1, E2: what was said to be taken is held, and nothing else is that was not before. */
const halfDone = (
  before: ReadonlySet<string>,
  after: ReadonlySet<string>,
  sent: string | Buffer,
  told: readonly Told[],
): readonly string[] => {
  const results: readonly Told[] = told.flatMap(({ results = [] }) => results);
  const queued = results.filter(({ status }) => status === "queued");
  const stranger = [...after].find((id) => !before.has(id) && !queued.some((result) => result.id === id));
  // Of one topic the next replaces the last (S6), and a mutated time to live may be over.
  const isLasting = (result: Told) => !sent.includes('"topic"') && Date.parse(result.expires_at) > Date.now();
  const lost = queued.find((result) => isLasting(result) && !after.has(result.id));
  return [
    ...(stranger === undefined ? [] : [`[E2] ${stranger} is held, and no result says so`]),
    ...(lost === undefined ? [] : [`[S1] ${lost.id} is queued, and not held`]),
  ];
};
