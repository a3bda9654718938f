/** `GET /v1/attention`: who needs a person, over all users (N4). */
import type * as v from "valibot";
import { ATTENTION_REASONS, attentionShards, bitOf } from "../protocol/attention.ts";
import { type Checked, granted, refuse } from "../protocol/errors.ts";
import { attentionQuery } from "../protocol/http.ts";
import type { AttentionQuery, AttentionShare, MonitorApi } from "../protocol/monitor-api.ts";
import type { AttentionPage } from "../protocol/replies.ts";
import type { KeyHandler } from "./backend-plane.ts";
import { checkQuery } from "./checked-input.ts";
import type { Caller } from "./exchange.ts";
import { askMonitor } from "./monitor-stub.ts";
import { attentionPage } from "./operator-replies.ts";
import { json } from "./problem.ts";

const ANY = ATTENTION_REASONS.reduce((bits, reason) => bits | bitOf(reason), 0);

export const getAttention: KeyHandler = async (call) => {
  const query = checkQuery(attentionQuery, call.query);
  if (!query.ok) return query;
  const page = await attention(call, query.value);
  return page.ok ? json(page.value) : page;
};

/** How many there are, of all reasons and of each; nobody's name. */
export const needingAttention = (caller: Caller): Promise<Checked<Pick<AttentionPage, "total" | "reasons">>> =>
  attention(caller, { limit: 0 });

/** A page of all shares, in one order: the longest waiting first. */
export const attention = async (
  { env }: Caller,
  { reason, after, limit }: v.InferOutput<typeof attentionQuery>,
): Promise<Checked<AttentionPage>> => {
  const terms = { reasons: reason === undefined ? ANY : bitOf(reason), limit };
  const query: AttentionQuery = after === undefined ? terms : { ...terms, after };
  const shares: AttentionShare[] = [];
  const answers = await Promise.all(
    attentionShards.map((name) => askMonitor(env, name, (share: MonitorApi) => share.attention(query))),
  );
  for (const answer of answers) {
    // A list that lacks an eighth of those who need somebody would look like one that is whole.
    if (!answer.ok) return refuse("unavailable", "A part of the index cannot be reached: try again.");
    shares.push(answer.value);
  }
  return granted(attentionPage(shares, limit));
};
