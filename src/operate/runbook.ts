/** OPERATIONS.md as data for the console's page: its sections as a tree of a few kinds of elements, since no text becomes HTML there. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "esbuild";
import { lexer, type Token, type Tokens } from "marked";
import { src } from "./modules.ts";

const operations = join(src, "monitor/OPERATIONS.md");

/** As `console/page/dashboard/operations.d.ts` has them. */
type Node = string | { readonly tag: string; readonly href?: string; readonly children: readonly Node[] };

/** For esbuild: what `import … from "restante:operations"` gives. */
export const runbook: Plugin = {
  name: "runbook",
  setup: (build) => {
    build.onResolve({ filter: /^restante:operations$/ }, ({ path }) => ({ path, namespace: "runbook" }));
    build.onLoad({ filter: /.*/, namespace: "runbook" }, () => ({
      contents: JSON.stringify(sectionsOf(readFileSync(operations, "utf8"))),
      loader: "json",
      watchFiles: [operations],
    }));
  },
};

/** By the anchor of each heading of the second level; what stands before the first is left out. */
const sectionsOf = (markdown: string): Readonly<Record<string, readonly Node[]>> => {
  const sections: Record<string, Node[]> = {};
  let section: Node[] | undefined;
  for (const token of lexer(markdown)) {
    if (token.type === "heading" && token.depth === 2) {
      section = [];
      sections[token.text] = section;
    } else section?.push(...nodesOf([token]));
  }
  return sections;
};

const nodesOf = (tokens: readonly Token[]): readonly Node[] =>
  tokens.flatMap((token) => nodeOf(token as Tokens.Generic));

const nodeOf = (token: Tokens.Generic): readonly Node[] => {
  const children = () => nodesOf(token.tokens ?? []);
  switch (token.type) {
    case "space":
      return [];
    case "paragraph":
      return [{ tag: "p", children: children() }];
    case "list":
      return [{ tag: "ul", children: nodesOf(token.items) }];
    case "list_item":
      return [{ tag: "li", children: children() }];
    case "strong":
      return [{ tag: "b", children: children() }];
    case "codespan":
      return [{ tag: "code", children: [token.text] }];
    case "link":
      return token.href.startsWith("#")
        ? [{ tag: "section", href: token.href.slice(1), children: children() }]
        : [{ tag: "a", href: token.href, children: children() }];
    case "text":
      return token.tokens === undefined ? [token.text] : children();
    case "escape":
      return [token.text];
    default:
      throw new Error(`OPERATIONS.md has a ${token.type} in a section, which the console does not know to show.`);
  }
};
