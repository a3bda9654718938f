/**
 * `npm run proof -- attention [kills] [seed]`: SIGKILL while users enter the list of those who need a person, and while they leave it.
 * Exit code 1 where, afterwards, the list is not exactly of those who have dead letters.
 */
import { attentionProof } from "./attention.ts";
import { bound, killCommand } from "./kill-command.ts";

await killCommand(
  "attention",
  attentionProof,
  (
    _,
    kills,
  ) => `The list is of those who have dead letters, and of nobody else, by alarms alone; by the rule of three, with 95 % confidence a
kill leaves it wrong in fewer than ${bound(kills)} of the cases.
What this cannot prove is what \`npm run proof -- kills\` cannot.`,
);
