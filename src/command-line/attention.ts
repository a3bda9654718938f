/** `attention`: who needs a person (N4). */
import { ATTENTION_REASONS } from "../protocol/attention.ts";
import type { AttentionCounts } from "../sender/sender.ts";
import type { Command } from "./command.ts";
import { oneOf } from "./options.ts";
import { bad, count, counted, dim } from "./screen.ts";
import { age } from "./times.ts";

export const attention: Command = {
  name: "attention",
  takes: "",
  summary: "who needs a person: dead letters, held too long, readers that hang, webhooks given up",
  about: `Those who wait longest first. --reason is one of ${ATTENTION_REASONS.join(", ")}.`,
  options: ["reason"],
  examples: ["restante attention --reason rejected", "restante attention --json | jq -r .user"],
  run: async ({ options, operator, screen }) => {
    const reason = oneOf("reason", options.reason, ATTENTION_REASONS);
    if (!screen.isJson) screen.note(dim(countsText(await operator.attentionCounts())));
    await screen.list(operator.attention({ reason }), {
      none: "Nobody needs a person.",
      columns: [
        { title: "USER", of: ({ user }) => user },
        { title: "REASONS", of: ({ reasons }) => bad(reasons.join(", ")) },
        { title: "SINCE", of: ({ since }) => age(since) },
        { title: "CHANGED", of: ({ updatedAt }) => age(updatedAt) },
      ],
    });
    return 0;
  },
};

/** `2,001 users: 2,000 rejected, 12 expired`. */
export const countsText = ({ total, reasons }: AttentionCounts): string => {
  const each = ATTENTION_REASONS.filter((reason) => reasons[reason] > 0).map(
    (reason) => `${count(reasons[reason])} ${reason}`,
  );
  const users = counted(total, "user");
  return each.length === 0 ? users : `${users}: ${each.join(", ")}`;
};
