/** Letting a user in, and shutting one out: `token`, `revoke`, `erase`. */
import { asked } from "./asking.ts";
import type { Command } from "./command.ts";
import { seconds } from "./options.ts";
import { dim } from "./screen.ts";
import { age } from "./times.ts";
import { UsageError } from "./usage-error.ts";

export const token: Command = {
  name: "token",
  takes: "USER",
  summary: "mint a token with which a client of this user attaches",
  about: "On stdout is the token alone. Whoever has it reads the user's messages, and acks them.",
  options: ["ttl", "device"],
  examples: ['npx wscat -c "ws://localhost:8787/v1/socket?access_token=$(restante token ada --ttl 5m)"'],
  run: async ({ args: [user = ""], options, sender, screen }) => {
    const minted = await sender.mintToken(user, { ttl: seconds(options, "ttl"), device: options.device });
    screen.show(minted, ({ token, expiresAt }) => {
      screen.line(token);
      if (screen.out.isTTY) screen.note(dim(`It ends ${age(expiresAt)}.`));
    });
    return 0;
  },
};

export const revoke: Command = {
  name: "revoke",
  takes: "USER",
  summary: "end all tokens of a user that there are, and close the connections that stand on them",
  options: [],
  run: async ({ args: [user = ""], sender, screen }) => {
    await sender.revokeTokens(user);
    screen.show({ status: "revoked" }, () => screen.line(`The tokens of ${user} are over; a new one may be minted.`));
    return 0;
  },
};

export const erase: Command = {
  name: "erase",
  takes: "USER [AGAIN]",
  usage: "USER [--yes USER]",
  summary: "erase everything about a user, for good",
  about: "The name has to be said twice: typed when it is asked for, or after --yes.",
  options: ["yes"],
  examples: ["restante erase ada --yes ada"],
  run: async ({ args: [user = "", again], options, sender, screen, around }) => {
    if (!options.yes && again !== undefined) throw new UsageError(`One user at a time; or --yes ${again}?`);
    const question = `Messages, devices and tokens of ${user} will be erased, for good. Type the user's name:`;
    const typed = options.yes ? again : await asked(around, question, `say the name again, as --yes ${user}`);
    if (typed !== user) {
      const why = options.yes
        ? `The name has to stand twice: restante erase ${user} --yes ${user}.`
        : "That is not the name.";
      throw new UsageError(`${why} Nothing was erased.`);
    }
    await sender.erase(user);
    screen.show({ status: "erased" }, () => screen.line(`${user} is erased.`));
    return 0;
  },
};
