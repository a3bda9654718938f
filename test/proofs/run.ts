/** `npm run proof -- NAME [arguments]`: the proofs that take longer than a test may. Each prints its seed, its progress and its figures. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const proofs: Readonly<Record<string, readonly [file: string, what: string]>> = {
  simulation: ["../simulation/run.ts", "[--schedules 200000] [--seed n]: random schedules against the reference model"],
  races: ["races.ts", "[1000] [seed]: attaches with sends from 50 ms before to 50 ms after each"],
  kills: ["kills.ts", "[100] [seed]: SIGKILL under load, then every answered message is looked for"],
  escalations: [
    "escalations.ts",
    "[100] [seed]: SIGKILL while fallbacks fall due, webhooks are on their way and dead letters of all users are requeued",
  ],
  attention: [
    "attentions.ts",
    "[100] [seed]: SIGKILL while users enter the list of those who need a person, and while they leave it",
  ],
  waits: ["waits.ts", "Prefer: wait from 0 to 30 s, acked before, at and after the limit"],
  "slow-readers": ["slow-readers.ts", "[10000] [4]: messages of 4 kB to sockets that stop reading"],
  storms: ["expiry-storms.ts", "[10000] [3]: messages that expire at once, and what sends meanwhile take"],
  faults: [
    "faults.ts",
    "[500] [seed]: the SDK on a network that cuts, freezes, forgets and loses, and a server that is killed",
  ],
  herd: [
    "herd.ts",
    "[1000] [5000]: as many inboxes of the SDK lose their server at once, for so many ms, and to a deploy's close",
  ],
  fuzz: ["fuzz.ts", "[--count 100000] [--seed n]: mutated requests, frames of clients and frames of publishers"],
};

const [name = "", ...rest] = process.argv.slice(2);
const proof = proofs[name];
if (proof === undefined) {
  console.log("npm run proof -- NAME [arguments]\n");
  for (const [known, [, what]] of Object.entries(proofs)) console.log(`  ${known.padEnd(14)}${what}`);
  process.exit(name === "" ? 0 : 1);
}
const file = fileURLToPath(new URL(proof[0], import.meta.url));
process.exit(spawnSync(process.execPath, [file, ...rest], { stdio: "inherit" }).status ?? 1);
