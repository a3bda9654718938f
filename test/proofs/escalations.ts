/**
 * `npm run proof -- escalations [kills] [seed]`: SIGKILL while fallbacks fall due, webhooks are on their way and dead letters of all users
 * are requeued. Exit code 1 where a message is in two places or in none, or a webhook was lost or came under two ids.
 */
import { escalationProof } from "./escalation.ts";
import { bound, killCommand } from "./kill-command.ts";

await killCommand(
  "escalations",
  (options) => escalationProof({ ...options, alone: true }),
  (
    _,
    kills,
  ) => `No message is in two places or in none, no webhook was lost, and what came twice had one id; by the rule of three, with 95 %
confidence a kill loses something in fewer than ${bound(kills)} of the cases.
What this cannot prove is what \`npm run proof -- kills\` cannot.`,
);
