/** What a receiver was told by webhooks (N1, N2), and what it should have been: each event at least once, and always under one id. */
import type { Backend } from "../support/backend.ts";
import type { Received } from "../support/receiver.ts";
import type { Ledger } from "./kill-senders.ts";
import { eachOf, type Looked, lookUp, type Places } from "./places.ts";

export type Told = "message.fallback" | "message.expired";

interface About {
  readonly user: string;
  readonly id: string;
  readonly seq: number;
  readonly accepted_at: string;
  readonly expires_at: string;
  readonly requeued_from?: number;
  readonly data: { readonly token: string };
}

const aboutOf = ({ body }: Received): About => body.data as unknown as About;
const keyOf = (user: string, seq: number, event: string): string => `${user} ${seq} ${event}`;

export class Tellings {
  readonly #byEvent = new Map<string, Received[]>();
  readonly #taken = new Set<string>();

  /** One that came. Only what was answered with a 2xx is known to be there: else it is to come again. */
  note(received: Received, isTaken: boolean): void {
    const { user, seq } = aboutOf(received);
    const key = keyOf(user, seq, received.body.type);
    this.#byEvent.set(key, [...(this.#byEvent.get(key) ?? []), received]);
    if (isTaken) this.#taken.add(key);
  }

  has(user: string, seq: number, event: Told): boolean {
    return this.#taken.has(keyOf(user, seq, event));
  }

  /** Each message of a user that a webhook was about: its id by its seq. */
  idsOf(user: string): ReadonlyMap<number, string> {
    const abouts = [...this.#byEvent.values()].map(([first]) => aboutOf(first as Received));
    return new Map(abouts.filter((about) => about.user === user).map(({ seq, id }) => [seq, id]));
  }

  /** Events that came more than once. */
  get repeated(): number {
    return [...this.#byEvent.values()].filter((all) => all.length > 1).length;
  }

  get events(): number {
    return this.#byEvent.size;
  }

  /** One event has one id and one body, however often it comes; one id is one event's; a fallback does not come before its time. */
  violations(fallbackMsOf: (token: string) => number | undefined): readonly string[] {
    const found: string[] = [];
    const eventOf = new Map<string, string>();
    for (const [key, all] of this.#byEvent) {
      const ids = [...new Set(all.map(({ id }) => id))];
      const bodies = new Set(all.map(({ body }) => JSON.stringify(body)));
      if (ids.length > 1) found.push(`[N2] ${key} came under several ids: ${ids.join(", ")}`);
      if (bodies.size > 1) found.push(`[N2] ${key} came with several bodies`);
      for (const id of ids) {
        if ((eventOf.get(id) ?? key) !== key) found.push(`[N2] ${id} is ${eventOf.get(id)} and ${key}`);
        eventOf.set(id, key);
      }
      const { body } = all[0] as Received;
      const about = aboutOf(all[0] as Received);
      const after = about.requeued_from === undefined ? fallbackMsOf(about.data.token) : undefined;
      const at = Date.parse(body.timestamp);
      const isEarly = at < Date.parse(about.accepted_at) + (after ?? 0) && at < Date.parse(about.expires_at);
      if (body.type === "message.fallback" && isEarly) found.push(`[N1] ${key} came before its time`);
    }
    return found;
  }
}

const AT_ONCE = 16;

/**
 * Looks at every message of a user that anybody has seen, also between two requeues. Each has a fallback, so each was acked, or went to the
 * webhook; what expired was told of; and each dead letter became at most one message.
 */
export const untold = async (
  backend: Backend,
  ledger: Ledger,
  places: Places,
  tellings: Tellings,
): Promise<readonly string[]> => {
  const { user } = ledger;
  const found: string[] = [];
  const ids = new Map(tellings.idsOf(user));
  for (const { seq, id } of [...ledger.accepted, ...places.held, ...places.dead]) ids.set(seq, id);
  const madeOf = new Map<number, number>();
  const must = (seq: number, event: Told, why: string) => {
    if (!tellings.has(user, seq, event)) found.push(`[N2] ${user}: ${event} of ${seq} was never told: ${why}`);
  };
  await eachOf([...ids], AT_ONCE, async ([seq, id]) => {
    const { status, requeuedFrom, escalated }: Looked = await lookUp(backend, user, id);
    if (status === "expired") {
      must(seq, "message.expired", "it has expired");
      must(seq, "message.fallback", "it has expired, and nobody has acked it");
    } else if (status === "queued" || escalated) must(seq, "message.fallback", "it is held, and its time is over");
    else if (status !== "delivered") found.push(`[D1] ${user}: ${seq} (${id}) is lost: ${status}`);
    if (status === "queued" && tellings.has(user, seq, "message.fallback") && !escalated)
      found.push(`[N1] ${user}: ${seq} went to the webhook, and does not say so`);
    if (requeuedFrom === undefined) return;
    must(requeuedFrom, "message.expired", `${seq} was made of it`);
    const other = madeOf.get(requeuedFrom);
    if (other !== undefined) found.push(`[D7] ${user}: ${requeuedFrom} was requeued as ${other} and as ${seq}`);
    madeOf.set(requeuedFrom, seq);
  });
  return found;
};
