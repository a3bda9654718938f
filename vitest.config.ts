import { existsSync } from "node:fs";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";
import { defaultVars } from "./test/support/credentials.ts";

// `.ci/run` names a file to count the tests from; by hand nobody wants one.
const resultsFile = process.env.RESTANTE_TEST_RESULTS;

/** Each must be there: one that was renamed would quietly lose what is said of it here. */
const files = (...names: readonly string[]): string[] =>
  names.map((name) => {
    const path = `test/${name}.test.ts`;
    if (!existsSync(new URL(path, import.meta.url)))
      throw new Error(`vitest.config.ts names ${path}, which is not there.`);
    return path;
  });

/** Their verdict is a time, of some milliseconds or just under a limit, or their aim is: nothing else may run beside them. */
const timed = files(
  "browser/handlers",
  "e2e/cold-start",
  "e2e/escalations",
  "e2e/expiry-storm",
  "e2e/kills",
  "e2e/races",
  "e2e/slow-event-reader",
  "e2e/slow-reader",
  "e2e/slow-reader-forgotten",
  "e2e/waits",
);
/**
 * They take half a minute or more, the longest first. Where vitest knows no times of before, as on a clean clone, it begins with the largest
 * files; these are small, and would come last, each beside an idle core.
 */
const long = files(
  "simulation/planted-bugs",
  "simulation/simulation",
  "simulation/fleet/fleet",
  "e2e/readme",
  "e2e/soak",
  "e2e/package",
  "e2e/shared-calls",
  "e2e/fuzz",
  "e2e/deploying",
  "e2e/client-herd",
  "e2e/client-faults",
  "browser/dashboard",
  "browser/console-user",
  "browser/console-dead-letters",
  "browser/demo",
  "browser/console-key",
  "browser/tabs",
  "browser/reload",
  "browser/network",
  "browser/fallback",
  "browser/lifecycle",
);

class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const groupOf = ({ project }: TestSpecification) => project.config.sequence.groupOrder;
    const placeOf = ({ moduleId }: TestSpecification) => {
      const place = long.findIndex((path) => moduleId.endsWith(`/${path}`));
      return place === -1 ? long.length : place;
    };
    return (await super.sort(files)).sort((a, b) => groupOf(a) - groupOf(b) || placeOf(a) - placeOf(b));
  }
}

const e2e = { testTimeout: 30_000, hookTimeout: 60_000 };

export default defineConfig({
  test: {
    // The Worker's own log lines: what they say is tested where it matters.
    onConsoleLog: (text) => !text.startsWith('{"level":'),
    reporters: resultsFile === undefined ? ["default"] : ["default", ["json", { outputFile: resultsFile }]],
    // A worker for each core: most of what the tests do is wait for each other's processes. Vitest's own number leaves one core to itself, and
    // so, on a machine with two, runs everything one after another.
    maxWorkers: "100%",
    sequence: { sequencer: LongFirst },
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 20_000 } },
      {
        // In workerd, on storage that it keeps in a temporary directory. Tests of one file share that storage: a user for each.
        plugins: [
          cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings: { ...defaultVars } } }),
        ],
        // Other files run beside: what takes a second by itself may take five then.
        test: { name: "mailbox", include: ["test/mailbox/**/*.test.ts"], testTimeout: 20_000 },
      },
      {
        test: { name: "simulation", include: ["test/simulation/**/*.test.ts"], testTimeout: 120_000 },
      },
      // Each file starts servers of its own and awaits them with deadlines: when the rest is done.
      {
        test: {
          ...e2e,
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: timed,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: { ...e2e, name: "timed", include: timed, fileParallelism: false, sequence: { groupOrder: 2 } },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          exclude: timed,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
