/** What the webhook is still to be told of one user, and what it could not be (N2). */
import { pageQuery, placedQuery } from "../protocol/http.ts";
import { rfc3339 } from "../protocol/instant.ts";
import type { Page, WebhookEntry } from "../protocol/mailbox-api.ts";
import type { WebhookPage } from "../protocol/replies.ts";
import type { BackendHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import { mailboxOf } from "./mailbox-stub.ts";
import { json } from "./problem.ts";

export const listWebhooks: BackendHandler = async (call) => {
  const query = checkQuery(pageQuery, call.query);
  if (!query.ok) return query;
  const { after, limit, location } = query.value;
  const mailbox = await mailboxOf(call, call.user, location);
  const page = await mailbox.call("read", (stub) => stub.webhooks({ after, limit }));
  return page.ok ? json(pageReply(page.value)) : page;
};

const act =
  (action: "retry" | "discard"): BackendHandler =>
  async (call) => {
    const query = checkQuery(placedQuery, call.query);
    if (!query.ok) return query;
    const mailbox = await mailboxOf(call, call.user, query.value.location);
    const done = await mailbox.call("repeatable", (stub) => stub.failedWebhooks(action));
    if (!done.ok) return done;
    return json(action === "retry" ? { retried: done.value } : { discarded: done.value });
  };

export const retryWebhooks: BackendHandler = act("retry");
export const discardWebhooks: BackendHandler = act("discard");

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
