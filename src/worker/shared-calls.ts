/**
 * Sends to one user that are in this isolate at the same time share a call to the Mailbox. The hop costs each of them next to nothing
 * then, and the platform counts, bills and bounds one request to the object instead of one for each.
 *
 * A lone send goes at once. Where others are under way the next one waits for a turn of the event loop, or for a millisecond where many
 * came together last, and takes along what comes meanwhile. Nobody ever waits for the reply to another, which may be a continent away.
 *
 * A passenger's request waits for what its driver's request resolves. The runtime runs what follows in the passenger's own context, as
 * the promise is the passenger's; but only a promise that `Promise.withResolvers` made: one from `new Promise` in code that V8 has
 * optimised has no owner, and its continuation would run in the driver's context, where the passenger's request and reply are out of
 * reach. And a request that waits for a promise alone counts as hung: the timer of its deadline says that there is something to come.
 */
import { granted, type Refusal, refuse } from "../protocol/errors.ts";
import type { Sent } from "../protocol/mailbox-api.ts";
import type { NewMessage } from "../protocol/message.ts";
import type { Caller } from "./exchange.ts";
import { kindOf, type Outcome, ownerOf, type UserMailbox } from "./mailbox-stub.ts";

interface Passenger {
  readonly message: NewMessage;
  readonly arrive: (outcome: Outcome<Sent>) => void;
}

/** A call that is about to go, and who goes with it. */
interface Departure {
  readonly passengers: Passenger[];
  /** Of all messages in it. */
  bytes: number;
  readonly openedAt: number;
}

/** What goes from here to one Mailbox. */
interface Line {
  underWay: number;
  next: Departure | undefined;
  /** How many sends shared the last call. */
  lastShared: number;
}

const PASSENGERS_MAX = 255;
/** What the platform can carry in one call is 32 MiB; a turn of the Mailbox should be short. */
const BYTES_MAX = 4 * 1_024 * 1_024;
/** So many together are a crowd, of which more is on its way. */
const CROWD = 4;
const CROWD_WAIT_MS = 1;
/** Older ones were left by a request that the runtime has ended. */
const ABANDONED_MS = 1_000;
/** How long a passenger waits for its driver's call. */
const DEADLINE_MS = 30_000;

const LINES_MAX = 1_000;
const lines = new Map<string, Line>();

/** Sends one message that nobody waits to end, perhaps together with others. */
export const sendShared = (caller: Caller, mailbox: UserMailbox, message: NewMessage): Promise<Outcome<Sent>> => {
  const sending = board(mailbox, message);
  // A caller that hangs up cancels nothing (S13): it leaves nobody behind, and the line knows when its call has ended.
  caller.background(sending);
  return sending;
};

const board = (mailbox: UserMailbox, message: NewMessage): Promise<Outcome<Sent>> => {
  const line = lineTo(mailbox);
  const { next } = line;
  if (next !== undefined && hasRoom(next, message)) return rideAlong(mailbox, next, message);
  const isAlone = line.underWay === 0 && line.lastShared < CROWD;
  return isAlone ? drive(line, mailbox, message, []) : gatherAndDrive(line, mailbox, message);
};

const lineTo = ({ name }: UserMailbox): Line => {
  const known = lines.get(name);
  if (known !== undefined) return known;
  // Who is on one that is forgotten holds on to it.
  if (lines.size >= LINES_MAX) lines.clear();
  const line: Line = { underWay: 0, next: undefined, lastShared: 0 };
  lines.set(name, line);
  return line;
};

const hasRoom = ({ passengers, bytes, openedAt }: Departure, message: NewMessage): boolean =>
  passengers.length < PASSENGERS_MAX && bytes + message.bytes <= BYTES_MAX && Date.now() - openedAt < ABANDONED_MS;

const rideAlong = async (mailbox: UserMailbox, departure: Departure, message: NewMessage): Promise<Outcome<Sent>> => {
  const { promise, resolve: arrive } = Promise.withResolvers<Outcome<Sent>>();
  const deadline = setTimeout(() => arrive(overdue()), DEADLINE_MS);
  departure.bytes += message.bytes;
  departure.passengers.push({ message, arrive });
  const outcome = await promise;
  clearTimeout(deadline);
  return orAlone(mailbox, message, outcome);
};

const gatherAndDrive = async (line: Line, mailbox: UserMailbox, message: NewMessage): Promise<Outcome<Sent>> => {
  const departure: Departure = { passengers: [], bytes: message.bytes, openedAt: Date.now() };
  line.next = departure;
  await scheduler.wait(line.lastShared < CROWD ? 0 : CROWD_WAIT_MS);
  if (line.next === departure) line.next = undefined;
  return drive(line, mailbox, message, departure.passengers);
};

const drive = async (
  line: Line,
  mailbox: UserMailbox,
  message: NewMessage,
  passengers: readonly Passenger[],
): Promise<Outcome<Sent>> => {
  line.underWay += 1;
  line.lastShared = 1 + passengers.length;
  try {
    return passengers.length === 0
      ? await sendAlone(mailbox, message)
      : await sendAll(mailbox, [message, ...passengers.map((passenger) => passenger.message)], passengers);
  } finally {
    line.underWay -= 1;
  }
};

const sendAll = async (
  mailbox: UserMailbox,
  messages: readonly NewMessage[],
  passengers: readonly Passenger[],
): Promise<Outcome<Sent>> => {
  const calls = JSON.stringify(messages.map((message) => ({ ...ownerOf(mailbox), messages: [message] })));
  const together = await mailbox.call(kindOf(messages), async (stub) => repliesIn(await stub.sendTogether(calls)));
  const outcomes = together.ok ? together.value : messages.map(() => together);
  for (const [at, { arrive }] of passengers.entries()) arrive(outcomes[at + 1] ?? failed());
  return orAlone(mailbox, messages[0] as NewMessage, outcomes[0] ?? failed());
};

const repliesIn = (text: string): readonly Outcome<Sent>[] =>
  (JSON.parse(text) as readonly (readonly (Sent | Refusal)[])[]).map(only);

/** Where the Mailbox was lost, each goes on by itself: what has an id can be sent again (S13). */
const orAlone = (
  mailbox: UserMailbox,
  message: NewMessage,
  outcome: Outcome<Sent>,
): Outcome<Sent> | Promise<Outcome<Sent>> =>
  !outcome.ok && outcome.code === "outcome_unknown" && message.id !== undefined ? sendAlone(mailbox, message) : outcome;

const sendAlone = async (mailbox: UserMailbox, message: NewMessage): Promise<Outcome<Sent>> => {
  const replies = await mailbox.call(kindOf([message]), (stub) =>
    stub.send({ ...ownerOf(mailbox), messages: [message] }),
  );
  return replies.ok ? only(replies.value) : replies;
};

const only = ([reply]: readonly (Sent | Refusal)[]): Outcome<Sent> =>
  reply === undefined ? failed() : reply.ok ? granted(reply) : reply;

const failed = (): Refusal =>
  refuse(
    "internal",
    "The Mailbox replied to fewer messages than it was sent. Send again with the same id, or look with GET.",
  );

const overdue = (): Refusal =>
  refuse(
    "outcome_unknown",
    "The Mailbox took too long to reply: this may or may not have happened. Send again with the same id, or look with GET.",
  );
