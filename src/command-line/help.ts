/** What `--help` says. */
import type { Command } from "./command.ts";
import { GROUPS } from "./commands.ts";
import { COMMON, OPTIONS, type OptionName } from "./options.ts";

export const generalHelp = (): string => {
  const width = Math.max(...GROUPS.flatMap(([, commands]) => commands.map((command) => usageOf(command).length)));
  const groups = GROUPS.map(([title, commands]) => {
    const lines = commands.map((command) => `  ${usageOf(command).padEnd(width)}  ${command.summary}`);
    return `${title}:\n${lines.join("\n")}`;
  });
  return `restante: send to users, see what waits for them, and mend what could not be delivered.

Usage: restante COMMAND [ARGUMENT...] [OPTION...]

${groups.join("\n\n")}

Options of every command:
${optionLines([...COMMON, "version"])}

restante help COMMAND says more of one. It ends with 0 where all is well, 1 where something was refused or failed,
2 where it was not understood, 130 on Ctrl-C.
`;
};

export const helpOf = (command: Command): string =>
  [
    `Usage: restante ${usageOf(command)} [OPTION...]`,
    `${command.summary[0]?.toUpperCase()}${command.summary.slice(1)}.`,
    command.about ?? "",
    command.options.length === 0 ? "" : `Options:\n${optionLines(command.options)}`,
    `Options of every command:\n${optionLines(COMMON)}`,
    command.examples === undefined ? "" : `For example:\n${command.examples.map((line) => `  ${line}`).join("\n")}`,
  ]
    .filter((part) => part !== "")
    .join("\n\n")
    .concat("\n");

export const usageOf = ({ name, takes, usage = takes }: Command): string => `${name} ${usage}`.trim();

const optionLines = (names: readonly OptionName[]): string => {
  const shown = names.map((name) => {
    const option = OPTIONS[name];
    const short = "short" in option ? `-${option.short}, ` : "";
    return [`${short}--${name}${"value" in option ? ` ${option.value}` : ""}`, option.help] as const;
  });
  const width = Math.max(...shown.map(([spelling]) => spelling.length));
  return shown.map(([spelling, help]) => `  ${spelling.padEnd(width)}  ${help}`).join("\n");
};
