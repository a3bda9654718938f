/** The command line, on the SDK: what is typed, and what comes of it. Results are on stdout, all else on stderr. */
import { readFileSync } from "node:fs";
import { SendError } from "../sender/sender.ts";
import type { Command, ExitCode } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { connected, LOCAL_URL } from "./connecting.ts";
import { generalHelp, helpOf, usageOf } from "./help.ts";
import { COMMON, type OptionName, type Options, type Parsed, parsed } from "./options.ts";
import { plain } from "./plain.ts";
import { Screen } from "./screen.ts";
import type { Surroundings } from "./surroundings.ts";
import { UsageError } from "./usage-error.ts";

/** What was typed was not understood. */
const USAGE = 2;

/** Never rejects: what the process is to end with. */
export const main = async (args: readonly string[], around: Surroundings): Promise<ExitCode | typeof USAGE> => {
  const say = (text: string): void => {
    // A line feed of our own is one; in what was typed it is escaped with the rest.
    for (const line of text.split("\n")) around.stderr.write(`${plain(line)}\n`);
  };
  let name = "";
  try {
    const { options, words } = parsed(args);
    name = words[0] ?? "";
    return await run({ options, words }, around);
  } catch (error) {
    say(`restante: ${error instanceof Error ? error.message : error}`);
    if (!(error instanceof UsageError)) return 1;
    say(`\`restante ${COMMANDS.has(name) ? `${name} ` : ""}--help\` says what there is.`);
    return USAGE;
  }
};

const run = async ({ options, words }: Parsed, around: Surroundings): Promise<ExitCode | typeof USAGE> => {
  const print = (text: string): 0 => {
    around.stdout.write(text);
    return 0;
  };
  const [first, ...rest] = words;
  if (options.version) return print(`${version()}\n`);
  if (first === "help") return print(rest[0] === undefined ? generalHelp() : helpOf(commandNamed(rest[0])));
  if (first === undefined) {
    if (options.help) return print(generalHelp());
    around.stderr.write(generalHelp());
    return USAGE;
  }
  const command = commandNamed(first);
  if (options.help) return print(helpOf(command));
  checkOptions(command, options);
  checkArguments(command, rest);
  const { url, ...ways } = connected(options, around);
  const screen = new Screen(around, options.json === true);
  try {
    return await command.run({ args: rest, options, ...ways, screen, around });
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    throw new Error(explained(error, url), { cause: error });
  }
};

const version = (): string =>
  JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")).version as string;

const commandNamed = (name: string): Command => {
  const command = COMMANDS.get(name);
  if (command === undefined)
    throw new UsageError(`There is no command ${name}. There are ${[...COMMANDS.keys()].join(", ")}.`);
  return command;
};

const checkOptions = ({ name, options: own }: Command, options: Options): void => {
  for (const given of Object.keys(options) as OptionName[]) {
    if (!COMMON.includes(given) && !own.includes(given)) throw new UsageError(`${name} takes no --${given}.`);
  }
};

const checkArguments = (command: Command, given: readonly string[]): void => {
  const words = command.takes.split(" ").filter((word) => word !== "");
  const needed = words.filter((word) => !word.startsWith("["));
  if (given.length < needed.length)
    throw new UsageError(`${needed[given.length]} is missing: restante ${usageOf(command)}`);
  if (given.length > words.length)
    throw new UsageError(`${given[words.length]} is too much: restante ${usageOf(command)}`);
};

/** What happened and what to do next; never a stack. */
const explained = ({ code, detail, id, cause }: SendError, url: string): string => {
  const again = id === undefined ? "" : `\nIt may have been sent: with --id ${id} the same makes no second message.`;
  if (code !== "network") return `${detail}${code === "timeout" ? again : ""} (${code})`;
  const local =
    url === LOCAL_URL ? " In a clone, `npm start` runs a server there; --url or RESTANTE_URL names another." : "";
  return `${url} does not answer${reasonOf(cause)}.${local}${again}`;
};

/** Node says why in the cause's cause, and of a name with several addresses only in its code. */
const reasonOf = (cause: unknown): string => {
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  if (!(inner instanceof Error)) return "";
  const why = "code" in inner && typeof inner.code === "string" ? inner.code : inner.message;
  return why === "" ? "" : ` (${why})`;
};
