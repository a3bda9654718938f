/** All commands there are, in the order of the help. */
import { erase, revoke, token } from "./access.ts";
import { attention } from "./attention.ts";
import type { Command } from "./command.ts";
import { alerts, monitor, ready } from "./health.ts";
import { jobs } from "./jobs.ts";
import { deadLetters, held, message, recall, state } from "./looking.ts";
import { discard, requeue } from "./requeuing.ts";
import { send } from "./sending.ts";
import { tail } from "./tail.ts";
import { webhooks } from "./webhooks.ts";

export const GROUPS: readonly (readonly [title: string, commands: readonly Command[]])[] = [
  ["A user", [send, state, held, tail, message, recall, token, revoke, erase]],
  ["What could not be delivered", [attention, deadLetters, requeue, discard, jobs, webhooks]],
  ["The deployment", [ready, alerts, monitor]],
];

export const COMMANDS: ReadonlyMap<string, Command> = new Map(
  GROUPS.flatMap(([, commands]) => commands.map((command) => [command.name, command])),
);
