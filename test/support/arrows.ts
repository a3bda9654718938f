/** Holds the layers of src to their arrows: which may import which, and how their files are named. */
import { posix } from "node:path";

/** Path below src, with `/`, to the file's text. */
type Sources = ReadonlyMap<string, string>;

interface Layer {
  /** Other layers of ours it may import. */
  readonly imports: readonly string[];
  /** Those it may know the types of, by `import type` alone. */
  readonly types?: readonly string[];
  /** True where it runs in plain Node and browsers too: nothing of Cloudflare's. */
  readonly portable?: true;
  /** True where time and chance come in from outside, so that every schedule can be simulated. */
  readonly pure?: true;
}

/** A layer is a folder of src, or a file directly in it. */
const layers: Readonly<Record<string, Layer>> = {
  protocol: { imports: [], portable: true },
  settings: { imports: ["protocol"], portable: true },
  measures: { imports: ["protocol"], portable: true, pure: true },
  "log.ts": { imports: ["protocol"], portable: true },
  // Durable on the outbox's port, which it knows the type of; a Mailbox's and the Monitor's.
  webhooks: { imports: ["protocol", "settings"], types: ["outbox"], portable: true },
  outbox: { imports: ["protocol", "measures", "webhooks"], types: ["settings"], portable: true },
  delivery: { imports: ["protocol", "measures", "outbox"], types: ["settings"], portable: true, pure: true },
  // The port over a Durable Object's SQLite.
  "durable-sql.ts": { imports: [], types: ["outbox"] },
  mailbox: {
    imports: ["protocol", "measures", "outbox", "webhooks", "delivery", "settings", "log.ts", "durable-sql.ts"],
  },
  // What the wire is, for tools.
  reference: { imports: ["protocol", "measures"], portable: true },
  // A Mailbox is reached by its stub alone: importing the class would put it into the Worker's own code.
  worker: { imports: ["protocol", "measures", "reference", "settings", "log.ts"], types: ["mailbox"] },
  // It sends and connects as any caller does: by way of the Worker's stubs.
  monitor: {
    imports: ["protocol", "measures", "settings", "log.ts", "worker", "webhooks", "durable-sql.ts"],
    types: ["outbox"],
  },
  "index.ts": { imports: ["protocol", "worker", "mailbox", "monitor", "settings", "log.ts"] },
  // It runs in other people's pages.
  client: { imports: ["protocol"], portable: true },
  // It runs in other people's backends.
  sender: { imports: ["protocol"], portable: true },
  // It runs on an operator's machine, in plain Node.
  "command-line": { imports: ["protocol", "sender"], portable: true },
  // An app, and the development Worker around the one that is deployed: that one imports nothing of it.
  demo: { imports: ["index.ts", "client", "sender"], types: ["worker"] },
  // The operator's page: it speaks to the service over HTTP alone.
  console: { imports: ["protocol"], portable: true },
  // It runs on the developer's machine, before there is a server.
  operate: { imports: [], types: ["protocol"] },
};

const forbiddenFolders = ["utils", "helpers", "types", "services", "common"];
const maxLines = 350;
const kebabCase = /^[a-z0-9]+(-[a-z0-9]+)*(\.d)?\.(ts|tsx|mjs|css|html)$/;
const code = /\.(ts|tsx|mjs)$/;
const impurity =
  /\b(Date\.now\(|new Date\(\)|performance\.now\(|Math\.random\(|crypto\.(randomUUID|getRandomValues)|setTimeout\(|setInterval\()/;

/** Everything in these sources that breaks a rule of the house, one line each; empty where all is well. */
export const violations = (sources: Sources): readonly string[] =>
  [...sources].flatMap(([path, text]) =>
    code.test(path) ? [...named(path), ...sized(path, text), ...arrows(path, text)] : [],
  );

const named = (path: string): readonly string[] => {
  const folders = path.split("/");
  const name = folders.pop() ?? "";
  return [
    ...(kebabCase.test(name) ? [] : [`${path}: the name is not in kebab-case`]),
    ...folders.filter((f) => forbiddenFolders.includes(f)).map((f) => `${path}: ${f} is a kind, not a layer`),
  ];
};

const sized = (path: string, text: string): readonly string[] => {
  const lines = text.split("\n").length - 1;
  return lines > maxLines ? [`${path}: ${lines} lines; a file of one idea has at most ${maxLines}`] : [];
};

const arrows = (path: string, text: string): readonly string[] => {
  const from = layerOf(path);
  const layer = layers[from];
  if (layer === undefined)
    return [`${path}: no rule says what ${from} may import; give it one in test/support/arrows.ts`];
  const bare = withoutComments(text);
  const found = importsOf(bare).flatMap(({ specifier, typeOnly }) => {
    if (!specifier.startsWith(".")) {
      return layer.portable === true && specifier.startsWith("cloudflare:")
        ? [`${path}: ${from} runs without ${specifier}`]
        : [];
    }
    const to = layerOf(posix.normalize(posix.join(posix.dirname(path), specifier)));
    if (to === from || layer.imports.includes(to)) return [];
    if (layer.types?.includes(to) === true)
      return typeOnly ? [] : [`${path}: ${from} imports ${to} only by "import type"`];
    return [`${path}: ${from} does not import ${to} (${specifier})`];
  });
  const impure = layer.pure === true ? impurity.exec(bare) : null;
  return impure === null
    ? found
    : [...found, `${path}: ${from} has no clock, no timer and no randomness of its own: ${impure[0]}`];
};

const layerOf = (path: string): string => path.split("/")[0] ?? path;

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");

const importsOf = (text: string): readonly { readonly specifier: string; readonly typeOnly: boolean }[] => {
  const statements = [...text.matchAll(/^\s*(?:import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?"([^"]+)"/gm)];
  const expressions = [...text.matchAll(/\bimport\(\s*["'`]([^"'`]+)["'`]/g)];
  return [
    ...statements.map((m) => ({ specifier: m[2] ?? "", typeOnly: m[1] !== undefined })),
    ...expressions.map((m) => ({ specifier: m[1] ?? "", typeOnly: false })),
  ];
};
