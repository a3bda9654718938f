/** The simulation around code with a bug planted in it; the files themselves stay as they are. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import type { PlantedBug } from "./planted-bug.ts";

const pathOf = (relative: string): string => join(import.meta.dirname, relative);

/** The file's text with the bug in it; throws where the code has moved on, so that a bug that is none does not go unnoticed. */
const plant = async ({ name, file, edits }: PlantedBug): Promise<string> => {
  let text = await readFile(pathOf(`../../src/${file}`), "utf8");
  for (const [find, replace] of edits) {
    const parts = text.split(find);
    if (parts.length !== 2) {
      throw new Error(`"${name}": src/${file} holds ${parts.length - 1} times, not once: ${find}`);
    }
    text = parts.join(replace);
  }
  return text;
};

export const simulateWith = (bug: PlantedBug) => mutant<typeof import("./simulate.ts")>("simulate.ts", bug);

export const fleetWith = (bug: PlantedBug) =>
  mutant<{ readonly runFleet: (seed: number) => Promise<string | undefined> }>("fleet/fleet.ts", bug);

/** A module of this folder, with all that it imports, and the bug. */
const mutant = async <M>(entry: string, bug: PlantedBug): Promise<M> => {
  const contents = await plant(bug);
  const mutated = pathOf(`../../src/${bug.file}`);
  const bundle = await build({
    entryPoints: [pathOf(entry)],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    logLevel: "error",
    plugins: [
      {
        name: "plant",
        setup: ({ onLoad }) => {
          onLoad({ filter: /\.ts$/ }, ({ path }) => (path === mutated ? { contents, loader: "ts" } : undefined));
        },
      },
    ],
  });
  const code = bundle.outputFiles[0]?.text ?? "";
  // Vite must not look into what it is to load.
  return (await import(/* @vite-ignore */ `data:text/javascript;base64,${Buffer.from(code).toString("base64")}`)) as M;
};
