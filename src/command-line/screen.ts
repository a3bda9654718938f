/** Where a command's output goes: results on stdout, for a person or as JSON; all else on stderr. */
import { fitted, plain, widthOf } from "./plain.ts";
import type { Output, Surroundings } from "./surroundings.ts";
import { wireNames } from "./wire-names.ts";

type Style = "strong" | "dim" | "good" | "warn" | "bad";

/** A text, plain or with a style: whatever is in it is escaped as it is written, so that no text can be a style. */
export type Part = string | { readonly text: string; readonly style: Style };

const SGR: Readonly<Record<Style, string>> = { strong: "1", dim: "2", good: "32", warn: "33", bad: "31" };

const styled =
  (style: Style) =>
  (text: string): Part => ({ text, style });
export const strong = styled("strong");
export const dim = styled("dim");
export const good = styled("good");
export const warn = styled("warn");
export const bad = styled("bad");

export const count = (n: number): string => n.toLocaleString("en-US");
/** `1 user`, `2,000 users`. */
export const counted = (n: number, noun: string): string => `${count(n)} ${noun}${n === 1 ? "" : "s"}`;

export interface Column<Row> {
  readonly title: string;
  readonly of: (row: Row) => Part | number;
}

export interface List<Row> {
  readonly columns: readonly Column<Row>[];
  /** Said, to the person, where there are none. */
  readonly none: string;
  /** What stands below a row. */
  readonly below?: (row: Row) => readonly Part[];
}

/** Rows that are aligned together: a list may be longer than memory. */
const ROWS_AT_ONCE = 500;

const written = (parts: readonly Part[], inColour: boolean): string =>
  parts
    .map((part) => {
      if (typeof part === "string") return plain(part);
      const text = plain(part.text);
      return inColour && text !== "" ? `\u001b[${SGR[part.style]}m${text}\u001b[0m` : text;
    })
    .join("");

const textOf = (part: Part): string => plain(typeof part === "string" ? part : part.text);

export class Screen {
  readonly isJson: boolean;
  /** Of results. */
  readonly out: Output;
  /** Of all else. */
  readonly aside: Output;
  readonly #isColourful: boolean;

  constructor({ stdout, stderr, env }: Surroundings, isJson: boolean) {
    this.isJson = isJson;
    this.out = stdout;
    this.aside = stderr;
    this.#isColourful = !env.NO_COLOR && env.TERM !== "dumb";
  }

  /** A line of the result, for a person. */
  line(...parts: readonly Part[]): void {
    this.#write(this.out, parts);
  }

  /** A line about what happens, on stderr. */
  note(...parts: readonly Part[]): void {
    this.#write(this.aside, parts);
  }

  /** An object of the API, as a line of JSON; with whatever a terminal must not see escaped. */
  json(value: unknown): void {
    this.out.write(`${plain(JSON.stringify(wireNames(value)))}\n`);
  }

  /** One object, as JSON or as it reads. */
  show<T>(value: T, human: (value: T) => void): void {
    if (this.isJson) this.json(value);
    else human(value);
  }

  /** Names and values, aligned; those without a value are left out. */
  pairs(pairs: readonly (readonly [name: string, ...value: readonly Part[]])[]): void {
    const shown = pairs.filter(([, ...value]) => value.some((part) => textOf(part) !== ""));
    const width = Math.max(...shown.map(([name]) => widthOf(name)));
    for (const [name, ...value] of shown) this.line(dim(name.padEnd(width + 2)), ...value);
  }

  /** Many objects: one a line as JSON, as they come; or a table. How many there were. */
  async list<Row>(rows: AsyncIterable<Row> | Iterable<Row>, { columns, none, below }: List<Row>): Promise<number> {
    let count = 0;
    let waiting: Row[] = [];
    let widths = columns.map(({ title }) => widthOf(title));
    const flush = (): void => {
      const cells = waiting.map((row) => columns.map(({ of }) => partOf(of(row))));
      const isFirst = count === waiting.length;
      widths = widths.map((width, at) => Math.max(width, ...cells.map((row) => widthOf(textOf(row[at] ?? "")))));
      if (isFirst)
        this.#row(
          columns.map(({ title }) => dim(title)),
          widths,
        );
      for (const [at, row] of cells.entries()) {
        this.#row(row, widths);
        const more = below?.(waiting[at] as Row) ?? [];
        if (more.length > 0) this.line("  ", ...more);
      }
      waiting = [];
    };
    try {
      for await (const row of rows) {
        count += 1;
        if (this.isJson) {
          this.json(row);
          continue;
        }
        waiting.push(row);
        if (waiting.length === ROWS_AT_ONCE) flush();
      }
    } finally {
      // Where a later page fails, those before it are shown.
      if (waiting.length > 0) flush();
    }
    if (count === 0 && !this.isJson) this.note(dim(none));
    return count;
  }

  #write(output: Output, parts: readonly Part[]): void {
    output.write(`${written(parts, this.#isColourful && output.isTTY === true)}\n`);
  }

  #row(cells: readonly Part[], widths: readonly number[]): void {
    const { isTTY, columns } = this.out;
    let left = isTTY && columns !== undefined ? columns : Number.POSITIVE_INFINITY;
    const last = cells.length - 1;
    const parts = cells.map((cell, at): Part => {
      const width = (widths[at] ?? 0) + 2;
      const text = textOf(cell);
      // Escaped already; a second time changes nothing, as what it makes is plain.
      const shown =
        at === last ? fitted(text, Math.max(8, left)) : text + " ".repeat(Math.max(0, width - widthOf(text)));
      left -= width;
      return typeof cell === "string" ? shown : { text: shown, style: cell.style };
    });
    this.line(...parts);
  }
}

const partOf = (value: Part | number): Part => (typeof value === "number" ? count(value) : value);
