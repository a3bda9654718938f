import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { violations } from "../support/arrows.ts";
import { projectDir } from "../support/worker-config.ts";

const src = join(projectDir, "src");

test("every file of src is named, sized and imported as the house has it", () => {
  const paths = readdirSync(src, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const sources = new Map(
    paths.map((path) => [path.slice(src.length + 1).replaceAll("\\", "/"), readFileSync(path, "utf8")]),
  );
  expect(sources.size).toBeGreaterThan(10);
  expect(violations(sources)).toEqual([]);
});

test.each([
  [
    "an arrow against its direction",
    "protocol/a.ts",
    'import { x } from "../outbox/x.ts";',
    /protocol does not import outbox/,
  ],
  [
    "an arrow over several lines",
    "outbox/a.ts",
    'import {\n  x,\n  type Y,\n} from "../delivery/x.ts";',
    /outbox does not import delivery/,
  ],
  ["an export from elsewhere", "delivery/a.ts", 'export * from "../mailbox/x.ts";', /delivery does not import mailbox/],
  ["an import for its effect", "outbox/a.ts", 'import "../worker/x.ts";', /outbox does not import worker/],
  ["a dynamic import", "worker/a.ts", 'const m = await import("../mailbox/mailbox.ts");', /only by "import type"/],
  [
    "a class where a type is allowed",
    "worker/a.ts",
    'import { Mailbox } from "../mailbox/mailbox.ts";',
    /only by "import type"/,
  ],
  [
    "a type among values",
    "worker/a.ts",
    'import { type Mailbox } from "../mailbox/mailbox.ts";',
    /only by "import type"/,
  ],
  [
    "settings as values below the Mailbox",
    "outbox/a.ts",
    'import { x } from "../settings/x.ts";',
    /only by "import type"/,
  ],
  [
    "a tool that reaches into the server",
    "operate/a.ts",
    'import { x } from "../protocol/x.ts";',
    /operate imports protocol only by/,
  ],
  [
    "Cloudflare below the Mailbox",
    "delivery/a.ts",
    'import { env } from "cloudflare:workers";',
    /runs without cloudflare:workers/,
  ],
  ["a clock in the pure layer", "delivery/a.ts", "const now = Date.now();", /no clock/],
  ["chance in the pure layer", "delivery/a.ts", "const n = Math.random();", /no clock/],
  ["a layer without a rule", "managers/a.ts", "", /no rule says/],
  ["a folder named after a kind", "worker/utils/a.ts", "", /is a kind/],
  ["a name in camelCase", "worker/someFile.ts", "", /kebab-case/],
  ["a file too long", "worker/a.ts", "\n".repeat(351), /351 lines/],
])("%s is found", (_, path, text, expected) => {
  expect(violations(new Map([[path, text]])).join("\n")).toMatch(expected);
});

test.each([
  ["worker/a.ts", 'import type { Mailbox } from "../mailbox/mailbox.ts";'],
  ["delivery/a.ts", '// Date.now() is not called here.\n/* import "../worker/x.ts" */\nimport { a } from "./b.ts";'],
  ["outbox/sub/a.ts", 'import { a } from "../b.ts";\nimport { c } from "../../protocol/c.ts";'],
  ["index.ts", 'export { Mailbox } from "./mailbox/mailbox.ts";\nexport { default } from "./worker/worker.ts";'],
])("what %s may do passes", (path, text) => {
  expect(violations(new Map([[path, text]]))).toEqual([]);
});
