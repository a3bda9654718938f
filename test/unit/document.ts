/** A document of the project, taken apart to be held to the code. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { projectDir } from "../support/worker-config.ts";

/** The text of a file in src. */
export const read = (path: string): string => readFileSync(join(projectDir, "src", path), "utf8");

/** Rows below the header `| first |…` of a text, as cells. */
export const rows = (text: string, first: string): readonly (readonly string[])[] => {
  const [, below = ""] = text.split(`\n| ${first} |`);
  const lines = below.split("\n").slice(2);
  const end = lines.findIndex((line) => !line.startsWith("|"));
  return lines.slice(0, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
};

/** Fenced blocks of a language. */
export const blocks = (text: string, language: string): readonly string[] =>
  [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter((m) => m[1] === language).map((m) => m[2] ?? "");

/** What stands between backquotes. */
export const quoted = (text = ""): readonly string[] => [...text.matchAll(/`([^`]+)`/g)].map((m) => m[1] ?? "");

/** A private constant of a file in src. */
export const constant = (path: string, name: string): number =>
  Number(new RegExp(`const ${name} = ([\\d._]+);`).exec(read(path))?.[1]?.replaceAll("_", ""));

/** As documents write it. */
export const count = (n: number): string => n.toLocaleString("en-US");

/** The sentences that a text, as it runs on, does not have. */
export const missing = (prose: string, sentences: readonly string[]): readonly string[] =>
  sentences.filter((sentence) => !prose.includes(sentence));

/** What stands around each number of a text that is in none of the sentences, and of which nobody says that it is no matter. */
export const strangeNumbers = (
  prose: string,
  sentences: readonly string[],
  noNumbers: RegExp,
  known: ReadonlySet<number> = new Set(),
): readonly string[] => {
  const rest = sentences.reduce((text, sentence) => text.replaceAll(sentence, ""), prose);
  const bare = rest.replace(/`[^`]*`/g, "").replace(noNumbers, "");
  const strange = [...bare.matchAll(/\d[\d.,]*\d|\d/g)].filter(([n]) => n !== "0" && !known.has(Number(n)));
  return strange.map(({ index }) => bare.slice(Math.max(0, index - 30), index + 20));
};
