/** What the webhook is still to be told of one user, and what it could not be (N2). */
import { type Checked, granted } from "../protocol/errors.ts";
import { pageQuery, placedQuery } from "../protocol/http.ts";
import { rfc3339 } from "../protocol/instant.ts";
import type { Page, WebhookEntry } from "../protocol/mailbox-api.ts";
import type { WebhookPage } from "../protocol/replies.ts";
import type { BackendHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { mailboxOf, type UserMailbox } from "./mailbox-stub.ts";
import type { PageTerms } from "./messages.ts";
import { json } from "./problem.ts";

export const listWebhooks: BackendHandler = async (call) => {
  const query = checkQuery(pageQuery, call.query);
  if (!query.ok) return query;
  const page = await webhooks(mailboxOf(call, call.user, query.value.location), query.value);
  return page.ok ? json(page.value) : page;
};

export const webhooks = async (mailbox: UserMailbox, { after, limit }: PageTerms): Promise<Checked<WebhookPage>> => {
  const page = await mailbox.call("read", (stub) => stub.webhooks({ after, limit }));
  return page.ok ? granted(pageReply(page.value)) : page;
};

/** Of those that were given up. */
export const retryFailed = async (mailbox: UserMailbox): Promise<Checked<{ readonly retried: number }>> => {
  const retried = await mailbox.call("repeatable", (stub) => stub.failedWebhooks("retry"));
  return retried.ok ? granted({ retried: retried.value }) : retried;
};
export const discardFailed = async (mailbox: UserMailbox): Promise<Checked<{ readonly discarded: number }>> => {
  const discarded = await mailbox.call("repeatable", (stub) => stub.failedWebhooks("discard"));
  return discarded.ok ? granted({ discarded: discarded.value }) : discarded;
};

const act =
  (work: (mailbox: UserMailbox) => Promise<Checked<object>>): BackendHandler =>
  async (call) => {
    const query = checkQuery(placedQuery, call.query);
    if (!query.ok) return query;
    const done = await work(mailboxOf(call, call.user, query.value.location));
    return done.ok ? json(done.value) : done;
  };

export const retryWebhooks: BackendHandler = act(retryFailed);
export const discardWebhooks: BackendHandler = act(discardFailed);

const pageReply = ({ items, next }: Page<WebhookEntry>): WebhookPage => ({
  webhooks: items.map((w) => ({
    id: w.id,
    event: w.event,
    seq: w.seq,
    status: w.nextAt === undefined ? "failed" : "pending",
    attempts: w.attempts,
    created_at: rfc3339(w.createdAt),
    ...(w.nextAt === undefined ? {} : { next_at: rfc3339(w.nextAt) }),
    ...(w.attemptedAt === undefined ? {} : { attempted_at: rfc3339(w.attemptedAt) }),
    ...(w.fault === undefined ? {} : { fault: w.fault }),
  })),
  ...(next === undefined ? {} : { next }),
});
