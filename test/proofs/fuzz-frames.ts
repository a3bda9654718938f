/** Mutated frames of one lane, as text and as bytes on the wire: how each connection ends, and what that must leave as it was (C11, E2). */
import { ERRORS } from "../../src/protocol/errors.ts";
import { Backend } from "../support/backend.ts";
import { mintLocally } from "../support/credentials.ts";
import { clientFrame, NO_FRAMES, RawSocket, SILENCE_MS } from "../support/fuzz-socket.ts";
import { outboxState } from "../support/outbox-state.ts";
import type { Random } from "../support/random.ts";
import { mutateBytes, mutateJson } from "./fuzz-mutations.ts";
import { type FuzzTally, uuidOf } from "./fuzz-tally.ts";

/** Below the 100 a second that a client may send, two for each mutation. */
const FRAMES_A_CONNECTION = 40;
const FRAMES_A_USER = 200;
/** The state is asked for before and after this share of them. */
const LOOK_SHARE = 0.05;

/** A client's fault ends with one of these; the server's own would be 1011 or 1013, and a violation. */
const CLIENTS_FAULT: ReadonlySet<number> = new Set(
  [ERRORS.bad_frame.close, ERRORS.frame_too_large.close, ERRORS.too_many_frames.close].map(Number),
);
/** Spelled otherwise than C8's exact text: the Mailbox answers it, after what came before. */
const SENTINEL = clientFrame('{ "type": "ping" }');

const frames = (seqs: readonly number[]): readonly string[] => {
  const [first = 0, last = 0] = [seqs[0], seqs.at(-1)];
  return [
    `{"type":"ack","seq":${first}}`,
    `{"type":"ack","seq":${last},"checkpoint":${first}}`,
    `{"type":"reject","seq":${first},"reason":"cannot be read"}`,
    '{"type":"ack","seq":0}',
    '{"type":"ping"}',
    '{"type":"ping","at":1}',
  ];
};

export const fuzzFrames = async (
  url: string,
  port: number,
  count: number,
  random: Random,
  tally: FuzzTally,
): Promise<void> => {
  const backend = new Backend(url);
  let user = "";
  let base: readonly string[] = [];
  let socket: RawSocket | undefined;
  let onThisOne = 0;
  for (let at = 0; at < count; at += 1) {
    if (at % FRAMES_A_USER === 0) {
      socket?.cut();
      socket = undefined;
      user = `fuzz-frames-${uuidOf(random)}`;
      const seqs: number[] = [];
      for (let n = 0; n < 3; n += 1) seqs.push((await backend.send(user, { type: "t", data: tally.secret })).body.seq);
      base = frames(seqs);
    }
    if (socket === undefined || onThisOne >= FRAMES_A_CONNECTION) {
      socket?.cut();
      socket = await RawSocket.open(port, await mintLocally(user));
      onThisOne = 0;
    }
    onThisOne += 1;
    const asBytes = random.chance(0.2);
    const text = random.pick(base);
    const mutated = asBytes ? mutateBytes(clientFrame(text), random) : clientFrame(textOf(text, random));
    const look = random.chance(LOOK_SHARE);
    // Something un-acked is on its way to the connection, for a frame that does more than it may.
    if (look) await backend.send(user, { type: "looked-at", data: tally.secret });
    const before = look ? await outboxState(backend, user) : "";
    socket.send(mutated);
    socket.send(SENTINEL);
    const isPong = (text: string) => text === '{"type":"pong"}';
    const { texts, last: event } = await socket.through(isPong, asBytes ? SILENCE_MS : 10_000);
    const say = (what: string) =>
      tally.violation(
        what,
        `${asBytes ? "bytes " : ""}${mutated.toString("latin1")} of ${text}; got ${texts.join(" ")}`,
      );
    for (const received of texts) if (received.includes(tally.canary)) say("[A6] a canary's data");
    if (event !== undefined && "text" in event) {
      tally.frame("taken");
      // What was taken may have been the beginning of more: the next frame needs a clean connection.
      if (asBytes) onThisOne = FRAMES_A_CONNECTION;
      continue;
    }
    socket.cut();
    socket = undefined;
    const code = event?.end;
    tally.frame(event === undefined ? "silence" : `closed ${code ?? "without a code"}`);
    if (code !== undefined && CLIENTS_FAULT.has(code)) {
      if (!texts.at(-1)?.startsWith('{"type":"error"')) say(`[C11] ${code} without its error frame`);
      // Several frames may be in what was mutated as bytes: only of one alone is it known that all of it was refused.
      if (look && !asBytes && (await outboxState(backend, user)) !== before) say(`[E2] ${code}, and changed`);
    } else if (!asBytes || (event !== undefined && !NO_FRAMES.has(code))) say(`[C11] closed with ${code}`);
  }
  socket?.cut();
};

/** Mutated text, now and then far too long, or as binary. */
const textOf = (text: string, random: Random): string | Buffer => {
  const mutated = mutateJson(text, random);
  if (random.chance(0.01)) return mutated.padEnd(16_385 + random.int(0, 1_000), " ");
  return random.chance(0.03) ? Buffer.from(mutated) : mutated;
};
