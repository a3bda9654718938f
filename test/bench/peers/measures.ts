/** What is measured of the other systems: the same as of ours, in their own protocols. */
import { allArrived, calling, type Rate, stopwatch } from "../measures.ts";
import type { Peer } from "./peer.ts";

/** Confirmed messages of so many senders to one user, who is connected and acks. All of them have to arrive. */
export const confirming = async (peer: Peer, senders: number, forMs: number): Promise<Rate> => {
  const user = `rate-${crypto.randomUUID()}`;
  await peer.prepare(user);
  const own = await peer.reader(user);
  const connections = await Promise.all(Array.from({ length: senders }, () => oneByOne(peer, user)));
  const { rate, accepted } = await calling(
    peer,
    connections.map(({ send }) => send),
    forMs,
  );
  await allArrived(peer.name, accepted, [own]);
  for (const { close } of connections) close();
  own.close();
  return rate;
};

/** A sender that waits for each confirm. */
const oneByOne = async (peer: Peer, user: string) => {
  let settle: () => void = () => {};
  const { publish, close } = await peer.sender(user, () => settle());
  const send = () =>
    new Promise<void>((done) => {
      settle = done;
      publish(1);
    });
  return { send, close };
};

/** As many as ours: without a confirm, and unread. */
const MOST_UNCONFIRMED = 2_000;
const MOST_UNREAD = 5_000;

/** What a producer's socket is to ours: one connection that publishes so many at a time, and does not wait for their confirms. */
export const pipelining = async (peer: Peer, perWrite: number, forMs: number): Promise<Rate> => {
  const user = `pipeline-${crypto.randomUUID()}`;
  await peer.prepare(user);
  const own = await peer.reader(user);
  const sentAt: number[] = [];
  const latencies: number[] = [];
  let sent = 0;
  let goOn = () => {};
  const { publish, close } = await peer.sender(user, (count) => {
    const now = performance.now();
    for (let at = 0; at < count; at += 1) latencies.push(now - (sentAt[latencies.length] as number));
    goOn();
  });
  const rateOf = stopwatch(peer);
  const untilMs = performance.now() + forMs;
  const isRoom = () => sent - latencies.length + perWrite <= MOST_UNCONFIRMED && sent - own.received < MOST_UNREAD;
  await new Promise<void>((done) => {
    goOn = () => {
      while (performance.now() < untilMs && isRoom()) {
        const now = performance.now();
        for (let at = 0; at < perWrite; at += 1) sentAt.push(now);
        sent += perWrite;
        publish(perWrite);
      }
      if (latencies.length < sent || performance.now() < untilMs) return;
      clearInterval(timer);
      done();
    };
    // It may be its reader that there was no room for.
    const timer = setInterval(() => goOn(), 1);
    goOn();
  });
  const rate = rateOf(latencies);
  await allArrived(peer.name, sent, [own]);
  close();
  own.close();
  return rate;
};

/** A backlog, then one reader: how many messages a second it gets. */
export const draining = async (peer: Peer, messages: number): Promise<number> => {
  const user = `drain-${crypto.randomUUID()}`;
  await peer.prepare(user);
  let confirmed = 0;
  const { publish, close } = await peer.sender(user, (count) => {
    confirmed += count;
  });
  publish(messages);
  while (confirmed < messages) await new Promise((go) => setTimeout(go, 1));
  close();
  const started = performance.now();
  const own = await peer.reader(user);
  while (own.received < messages) await new Promise((go) => setTimeout(go, 1));
  const perSecond = (messages / (performance.now() - started)) * 1_000;
  own.close();
  return perSecond;
};
