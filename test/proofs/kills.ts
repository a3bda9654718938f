/**
 * `npm run proof -- kills [kills] [seed]`: at least 100 times SIGKILL under load, then every answered message is looked for.
 * Exit code 1 where one was lost, doubled, out of order, or in two places.
 */
import { killProof } from "./kill.ts";
import { bound, killCommand } from "./kill-command.ts";

await killCommand(
  "kills",
  killProof,
  (
    { accepted },
    kills,
  ) => `Nothing was lost, doubled, reordered or in two places; by the rule of three, with 95 % confidence:
  a kill loses something in fewer than ${bound(kills)} of the cases;
  a message that was answered is lost with a probability below ${bound(accepted)} under such kills
  (as if messages were independent; those near one kill are not, so the first bound is the one to rely on).
What this cannot prove: a killed process leaves its writes in the operating system's cache, so that neither fsync nor a power failure
is tested; nor Cloudflare's replication, its moving of objects between machines, two instances of one object during a network
partition, nor a restore. There the output gate must hold replies back until the writes are confirmed elsewhere; here they were
confirmed by SQLite on the local disk.`,
);
