/** `webhooks`: what the deployment's webhook is still to be told of a user, and what it could not be (N2). */
import type { Command } from "./command.ts";
import { bad } from "./screen.ts";
import { age } from "./times.ts";
import { UsageError } from "./usage-error.ts";

export const webhooks: Command = {
  name: "webhooks",
  takes: "USER",
  summary: "what the webhook is still to be told of a user, and what it could not be",
  options: ["retry", "discard"],
  run: async ({ args: [user = ""], options, operator, screen }) => {
    if (options.retry && options.discard) throw new UsageError("Either --retry or --discard.");
    if (options.retry) {
      screen.show(await operator.retryWebhooks(user), ({ retried }) => screen.line(`begun anew with ${retried}`));
      return 0;
    }
    if (options.discard) {
      screen.show(await operator.discardWebhooks(user), ({ discarded }) => screen.line(`discarded ${discarded}`));
      return 0;
    }
    await screen.list(operator.webhooks(user), {
      none: `The webhook has been told all there is of ${user}.`,
      columns: [
        { title: "ID", of: ({ id }) => id },
        { title: "EVENT", of: ({ event }) => event },
        { title: "SEQ", of: ({ seq }) => String(seq) },
        { title: "STATUS", of: ({ status }) => (status === "failed" ? bad(status) : status) },
        { title: "ATTEMPTS", of: ({ attempts }) => attempts },
        { title: "CREATED", of: ({ createdAt }) => age(createdAt) },
        { title: "NEXT", of: ({ nextAt }) => age(nextAt) },
        { title: "FAULT", of: ({ fault }) => fault ?? "" },
      ],
    });
    return 0;
  },
};
