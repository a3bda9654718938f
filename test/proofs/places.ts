/** Where a user's messages are, as anybody can look it up (S10, D7). */
import type { Backend, Reply } from "../support/backend.ts";

/** A message as it stands in a list: held, or a dead letter. */
export interface Placed {
  readonly seq: number;
  readonly id: string;
  readonly token: string;
}

export interface Places {
  readonly held: readonly Placed[];
  readonly dead: readonly Placed[];
}

const PAGE = 1_000;

const all = async (list: string, page: (after: number) => Promise<Reply>): Promise<readonly Placed[]> => {
  const found: Placed[] = [];
  for (let after = 0; ; ) {
    const { status, body } = await page(after);
    if (status !== 200) throw new Error(`${list}: ${status} ${JSON.stringify(body)}`);
    for (const { seq, id, data } of body[list]) found.push({ seq, id, token: data.token });
    if (body.next === undefined) return found;
    after = body.next;
  }
};

export const placesOf = async (backend: Backend, user: string): Promise<Places> => ({
  held: await all("messages", (after) => backend.list(user, { after, limit: PAGE })),
  dead: await all("dead_letters", (after) => backend.deadLetters(user, { after, limit: PAGE })),
});

/** What GET says of one message: its status (or HTTP status, where that is not 200), what it was requeued from, and whether it went to the webhook. */
export interface Looked {
  readonly seq: number;
  readonly status: string;
  readonly requeuedFrom: number | undefined;
  readonly escalated: boolean;
}

export const lookUp = async (backend: Backend, user: string, id: string): Promise<Looked> => {
  const { status, body } = await backend.state(user, id);
  if (status !== 200) return { seq: 0, status: `${status} ${body?.code}`, requeuedFrom: undefined, escalated: false };
  return {
    seq: body.seq,
    status: body.status,
    requeuedFrom: body.requeued_from,
    escalated: body.escalated_at !== undefined,
  };
};

/** Runs `work` over all items, some at a time. */
export const eachOf = async <T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      next += 1;
      await work(items[next - 1] as T);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
};
