/** What a command of the command line is. */
import type { Operator, Sender } from "../sender/sender.ts";
import type { OptionName, Options } from "./options.ts";
import type { Screen } from "./screen.ts";
import type { Surroundings } from "./surroundings.ts";

export interface Call {
  readonly args: readonly string[];
  readonly options: Options;
  readonly sender: Sender;
  readonly operator: Operator;
  readonly screen: Screen;
  readonly around: Surroundings;
}

/** 0: well; 1: refused, or failed. */
export type ExitCode = 0 | 1;

export interface Command {
  readonly name: string;
  /** Its arguments, in order; those in brackets may be left out. */
  readonly takes: string;
  /** In place of `takes`, where that is not all. */
  readonly usage?: string;
  readonly summary: string;
  /** More, for its own help. */
  readonly about?: string;
  readonly options: readonly OptionName[];
  readonly examples?: readonly string[];
  readonly run: (call: Call) => Promise<ExitCode>;
}
