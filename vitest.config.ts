import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { defaultVars } from "./test/support/credentials.ts";

// `.ci/run` names a file to count the tests from; by hand nobody wants one.
const resultsFile = process.env.RESTANTE_TEST_RESULTS;

export default defineConfig({
  test: {
    // The Worker's own log lines: what they say is tested where it matters.
    onConsoleLog: (text) => !text.startsWith('{"level":'),
    reporters: resultsFile === undefined ? ["default"] : ["default", ["json", { outputFile: resultsFile }]],
    projects: [
      { test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      {
        // In workerd, on storage that it keeps in a temporary directory. Tests of one file share that storage: a user for each.
        plugins: [
          cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings: { ...defaultVars } } }),
        ],
        test: { name: "mailbox", include: ["test/mailbox/**/*.test.ts"] },
      },
      {
        test: { name: "simulation", include: ["test/simulation/**/*.test.ts"], testTimeout: 120_000 },
      },
      {
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
          // Each file starts servers of its own and awaits them with deadlines: one after another, when the rest is done.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        test: {
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
