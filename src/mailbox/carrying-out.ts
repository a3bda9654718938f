/** Does what a turn has decided, once it is committed. */
import type { Delivery } from "../delivery/delivery.ts";
import type { Effect } from "../delivery/effects.ts";
import { log } from "../log.ts";
import type { Arrivals } from "./arrivals.ts";
import type { Callers } from "./callers.ts";
import type { Gathering } from "./gathering.ts";
import type { Observers } from "./observers.ts";
import type { Sockets } from "./sockets.ts";

export interface Hands {
  readonly sockets: Sockets;
  readonly callers: Callers;
  readonly arrivals: Arrivals;
  readonly observers: Observers;
  readonly mailbox: string;
}

/** The attachments first: what is sent must be known, whenever the object is found again. */
export const carryOut = (delivery: Delivery, hands: Hands, gathering: Gathering | undefined, now: number): void => {
  const { effects, touched, measured, seen } = delivery.takeEffects(hands.observers.any);
  gathering?.add(measured);
  for (const session of touched) hands.sockets.keep(session, gathering?.of(session.id));
  for (const effect of effects) carryOutOne(effect, hands);
  gathering?.endTurn(now);
  if (hands.observers.any) hands.observers.tell(seen, now);
};

const carryOutOne = (effect: Effect, { sockets, callers, arrivals, mailbox }: Hands): void => {
  switch (effect.kind) {
    case "frame":
      return sockets.send(effect.connection, effect.text);
    case "close":
      return sockets.close(effect.connection, effect.code, effect.reason);
    case "ended":
      return callers.settle(effect.wait.call, effect.wait.index, effect.message);
    case "arrived":
      return arrivals.settle();
    case "waiting":
      // A reserved Mailbox's is the start-up check's own, each minute: there nobody is waited for (M2, M4).
      if (!mailbox.startsWith("sys:")) log("info", "queued", { reason: "no_connections", mailbox });
      return;
  }
};
