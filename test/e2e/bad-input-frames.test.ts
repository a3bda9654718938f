/** Bad frames on open sockets: each gets its `error` frame, then the close code (C5, C11, limits), and changes nothing. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { instant } from "../proofs/clock.ts";
import { Backend } from "../support/backend.ts";
import { Connection } from "../support/connection.ts";
import { mintLocally } from "../support/credentials.ts";
import { Canaries } from "../support/fuzz-canary.ts";
import { outboxState } from "../support/outbox-state.ts";
import type { ErrorFrame } from "../support/received.ts";
import { type Runtime, startRuntime } from "../support/runtime.ts";

const USER = "bad-frames";
const FRAME_MAX_BYTES = 16_384;
const FRAMES_A_SECOND = 100;

let runtime: Runtime;
let backend: Backend;
let canaries: Canaries;
let token: string;
/** Both are held, the first is acked by another device, and neither by the one under test. */
let [first, second] = [0, 0];
beforeAll(async () => {
  runtime = await startRuntime();
  backend = new Backend(runtime.url);
  canaries = await Canaries.settle(runtime.url);
  token = await mintLocally(USER, { device: "bad" });
  await (await Connection.open(runtime.url, { token })).close();
  first = (await backend.send(USER, { type: "one", data: 1 })).body.seq;
  second = (await backend.send(USER, { type: "two", data: 2 })).body.seq;
});
afterAll(async () => {
  await canaries?.leave();
  await runtime?.stop();
});

let before: string;
beforeEach(async () => {
  before = await outboxState(backend, USER);
});
afterEach(async () => {
  expect(await outboxState(backend, USER)).toBe(before);
  expect(await canaries.faults()).toEqual([]);
});

const open = async (): Promise<Connection> => {
  const connection = await Connection.open(runtime.url, { token });
  await connection.caughtUp();
  return connection;
};

/** Sends it, and says how the connection ended. */
const endOf = async (connection: Connection, frame: string | Buffer): Promise<readonly unknown[]> => {
  connection.socket.send(frame);
  const { code, reason } = await connection.ended();
  const last = connection.frames.at(-1) as ErrorFrame;
  expect(connection.frames.filter((f) => f.type === "error")).toHaveLength(1);
  expect(last.type).toBe("error");
  expect(last.detail.length).toBeGreaterThan(10);
  expect(last.detail).not.toMatch(/\bat \w+ \(|worker\.js|Error:/);
  expect(reason).toBe(last.code);
  return [last.code, code];
};
const BAD = ["bad_frame", 4400];
const BEYOND = ["ack_beyond_sent", 4400];
const LARGE = ["frame_too_large", 4413];

test.each<readonly [string, string | Buffer]>([
  ["binary", Buffer.from('{"type":"ack","seq":0}')],
  ["empty binary", Buffer.alloc(0)],
  ["empty text", ""],
  ["a word", "ack"],
  ["null", "null"],
  ["a number", "1"],
  ["a text", '"ack"'],
  ["an array", "[]"],
  ["an array of frames", '[{"type":"ack","seq":0}]'],
  ["no type", '{"seq":0}'],
  ["an unknown type", '{"type":"send","data":1}'],
  ["a frame of the server", '{"type":"messages","prev":0,"messages":[]}'],
  ["a pong", '{"type":"pong"}'],
  ["a type that is a list", '{"type":["ack"],"seq":0}'],
  ["a type of the prototype", '{"type":"constructor","seq":0}'],
  ["a type in capitals", '{"type":"ACK","seq":0}'],
  ["half a frame", '{"type":"ack","seq":'],
  ["two frames", '{"type":"ack","seq":0}{"type":"ack","seq":0}'],
  ["a byte order mark", '\ufeff{"type":"ack","seq":0}'],
  ["a NUL", '{"type":"ack","seq":0}\0'],
  ["an unknown field", '{"type":"ack","seq":0,"x":1}'],
  ["a field of every object", '{"type":"ack","seq":0,"constructor":1}'],
  ["no seq", '{"type":"ack"}'],
  ["seq as text", '{"type":"ack","seq":"0"}'],
  ["seq null", '{"type":"ack","seq":null}'],
  ["seq true", '{"type":"ack","seq":true}'],
  ["seq a list", '{"type":"ack","seq":[0]}'],
  ["seq -1", '{"type":"ack","seq":-1}'],
  ["seq 0.5", '{"type":"ack","seq":0.5}'],
  ["seq 1e400", '{"type":"ack","seq":1e400}'],
  ["seq NaN", '{"type":"ack","seq":NaN}'],
  ["seq 2^53", '{"type":"ack","seq":9007199254740992}'],
  ["seq 10^30", '{"type":"ack","seq":1000000000000000000000000000000}'],
  ["checkpoint above its seq", '{"type":"ack","seq":0,"checkpoint":1}'],
  ["checkpoint -1", '{"type":"ack","seq":0,"checkpoint":-1}'],
  ["checkpoint null", '{"type":"ack","seq":0,"checkpoint":null}'],
  ["checkpoint as text", '{"type":"ack","seq":0,"checkpoint":"0"}'],
  ["a reject without a reason", '{"type":"reject","seq":0}'],
  ["a reason that is a number", '{"type":"reject","seq":0,"reason":1}'],
  ["a reason of 1,001", JSON.stringify({ type: "reject", seq: 0, reason: "r".repeat(1_001) })],
  ["a reject with a checkpoint", '{"type":"reject","seq":0,"reason":"","checkpoint":0}'],
  ["a reject of -1", '{"type":"reject","seq":-1,"reason":""}'],
  ["5,000 arrays in one another", "[".repeat(5_000) + "]".repeat(5_000)],
  ["16,000 open brackets", "[".repeat(16_000)],
])("[C11, E2] a frame that is %s ends with 4400 after its error", async (_, frame) => {
  expect(await endOf(await open(), frame)).toEqual(BAD);
});

test("[C5, C11] an ack, a checkpoint or a reject beyond what was sent", async () => {
  const past = second + 1;
  expect(await endOf(await open(), `{"type":"ack","seq":${past}}`)).toEqual(BEYOND);
  expect(await endOf(await open(), '{"type":"ack","seq":9007199254740991}')).toEqual(BEYOND);
  expect(await endOf(await open(), `{"type":"reject","seq":${past},"reason":"x"}`)).toEqual(BEYOND);
  expect(await endOf(await open(), `{"type":"ack","seq":${first},"checkpoint":${second}}`)).toEqual(BAD);
  const ahead = await Connection.open(runtime.url, { token, window: 1 });
  await ahead.receive(1);
  // The second waits for the window: it was not sent yet.
  expect(await endOf(ahead, `{"type":"ack","seq":${second}}`)).toEqual(BEYOND);
});

test("[C11] a frame of 16 KiB is taken, of a byte more it is 4413, counted in UTF-8", async () => {
  const ping = (bytes: number, fill: string) => {
    const shell = '{"type":"ping","x":""}';
    const count = (bytes - shell.length) / Buffer.byteLength(fill);
    return `{"type":"ping","x":"${fill.repeat(Math.floor(count))}"}`;
  };
  const connection = await open();
  connection.sendText(ping(FRAME_MAX_BYTES, "x"));
  await connection.next("pong");
  expect(await endOf(connection, ping(FRAME_MAX_BYTES + 1, "x"))).toEqual(LARGE);
  expect(await endOf(await open(), ping(FRAME_MAX_BYTES + 3, "é"))).toEqual(LARGE);
  expect(await endOf(await open(), " ".repeat(FRAME_MAX_BYTES + 1))).toEqual(LARGE);
  expect(await endOf(await open(), "x".repeat(900_000))).toEqual(LARGE);
});

/** An instant just after a full second: the server counts frames by the second of its clock, which is this machine's. */
const nextSecond = () => instant(performance.now() + 1_005 - (Date.now() % 1_000));

test("[C11] a hundred frames in a second are taken, and one more is 4429", async () => {
  const connection = await open();
  await nextSecond();
  for (let at = 0; at < FRAMES_A_SECOND; at += 1) connection.sendText(`{"type":"ping","at":${at}}`);
  await connection.until(() => connection.frames.filter((f) => f.type === "pong").length === FRAMES_A_SECOND);
  await nextSecond();
  for (let at = 0; at < FRAMES_A_SECOND; at += 1) connection.sendText(`{"type":"ack","seq":0}`);
  expect(await endOf(connection, '{"type":"ack","seq":0}')).toEqual(["too_many_frames", 4429]);
});

test("[C11] after a bad frame the connection's later ones count for nothing", async () => {
  const connection = await open();
  connection.sendText("bad");
  connection.ack(second);
  expect((await connection.ended()).code).toBe(4400);
});

test("[C5] an ack lower than before, of nothing or twice is no error", async () => {
  const connection = await open();
  connection.ack(0);
  connection.ack(0);
  connection.send({ type: "ack", seq: 0, checkpoint: 0 });
  connection.sendText('{ "seq": 0.0, "type": "ack" }');
  connection.sendText('{"type":"ack","seq":-0}');
  connection.sendText('{"type":"reject","seq":0,"reason":""}');
  await connection.settle();
  expect(connection.frames.filter((f) => f.type === "error")).toEqual([]);
  await connection.close();
});

test("[C6, E2] a reason of half a surrogate, a NUL or the longest is kept, and never an error of the server", async () => {
  for (const [at, reason] of ["\ud800", "a\0b", "é".repeat(1_000), "", "'; DROP TABLE messages; --"].entries()) {
    const user = `reasons-${at}`;
    const sent = (await backend.send(user, { type: "t", data: at })).body;
    const connection = await Connection.open(runtime.url, { token: await mintLocally(user) });
    await connection.receive(1);
    connection.reject(sent.seq, reason);
    await connection.settle();
    await connection.close();
    const state = await backend.state(user, sent.id);
    expect([reason, state.status, state.body.status]).toEqual([reason, 200, "rejected"]);
    const [letter] = (await backend.deadLetters(user)).body.dead_letters;
    // Half a surrogate is no character: what stands for it is the runtime's choice.
    const kept = reason.isWellFormed() ? reason : expect.stringMatching(/^\ufffd+$/);
    expect([letter.seq, letter.reject_reason]).toEqual([sent.seq, kept]);
  }
});
