#!/usr/bin/env node
/** `npx restante`: the command line, on the SDK. Results are on stdout, all else on stderr. */
import { readFileSync } from "node:fs";
import { SendError } from "../sender/sender.ts";
import { type Command, type ExitCode, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { connected, LOCAL_URL } from "./connecting.ts";
import { generalHelp, helpOf, usageOf } from "./help.ts";
import { COMMON, type OptionName, type Options, parsed } from "./options.ts";
import { plain } from "./plain.ts";
import { Screen } from "./screen.ts";

const USAGE = 2;
/** As shells have it: 128 and the number of SIGINT. */
const INTERRUPTED = 130;

let sayOnInterrupt: () => void = () => {};
process.on("SIGINT", () => {
  sayOnInterrupt();
  process.exit(INTERRUPTED);
});
// Whoever read it, such as `head`, has enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));

const main = async (args: readonly string[]): Promise<ExitCode | typeof USAGE> => {
  const { options, words } = parsed(args);
  if (options.version) return print(`${version()}\n`);
  const [first, ...rest] = words;
  if (first === "help") return print(rest[0] === undefined ? generalHelp() : helpOf(commandNamed(rest[0])));
  if (first === undefined) {
    if (options.help) return print(generalHelp());
    process.stderr.write(generalHelp());
    return USAGE;
  }
  const command = commandNamed(first);
  if (options.help) return print(helpOf(command));
  checkOptions(command, options);
  checkArguments(command, rest);
  const { url, ...ways } = connected(options);
  const screen = new Screen(options.json === true);
  const onInterrupt = (say: () => void) => {
    sayOnInterrupt = say;
  };
  try {
    return await command.run({ args: rest, options, ...ways, screen, onInterrupt });
  } catch (error) {
    if (!(error instanceof SendError)) throw error;
    screen.note(`restante: ${explained(error, url)}`);
    return 1;
  }
};

const print = (text: string): 0 => {
  process.stdout.write(text);
  return 0;
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

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const isUsage = error instanceof UsageError;
    const words = error instanceof Error ? error.message : String(error);
    // A line feed of our own is one; what was typed has none that matters.
    for (const line of `restante: ${words}`.split("\n")) process.stderr.write(`${plain(line)}\n`);
    if (isUsage) process.stderr.write("`restante --help` says what there is.\n");
    process.exitCode = isUsage ? USAGE : 1;
  },
);
