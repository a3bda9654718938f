import { describe, expect, test } from "vitest";
import { SCRIPT } from "./ground/script.ts";
import { play, type Showing } from "./ground/stage.ts";

let model: Showing | undefined;
const modelRun = async (): Promise<Showing> => {
  model ??= await play(SCRIPT, () => false);
  return model;
};

/** The frames that a client got, by type, and what they hold, in short. */
const inShort = (frames: readonly string[] = []): readonly string[] =>
  frames.map((text) => {
    const types = [...text.matchAll(/"type":"([^"]+)"/g)].map(([, type]) => type);
    return types.join(" ");
  });

describe("[C2, D2, D8] an eviction between any two steps gives the same frames and replies", () => {
  test("without one, the script shows what it is meant to show", async () => {
    const { frames } = await modelRun();

    expect(inShort(frames.phone)).toEqual([
      "connection_established",
      "messages m1 m2",
      "messages m3",
      "messages m4 m5",
      "caught_up",
      "messages m6",
      "gap",
    ]);
    expect(inShort(frames["laptop again"])).toEqual([
      "connection_established",
      "messages m6",
      "gap",
      "messages m9 m10",
      "caught_up",
      "messages m11",
      "messages m12",
      "messages m13",
      "messages m7 m8",
    ]);
    expect(inShort(frames.slow)).toEqual([
      "connection_established",
      "messages m10",
      "messages m12",
      "caught_up",
      "messages m7",
    ]);
  });

  for (const [index, [name]] of SCRIPT.entries()) {
    test(`evicted after step ${index}: ${name}`, async () => {
      const expected = await modelRun();
      const { frames, replies } = await play(SCRIPT, (at) => at === index, expected);
      expect({ frames, replies }).toEqual({ frames: expected.frames, replies: expected.replies });
    });
  }

  test("evicted after every step", async () => {
    const expected = await modelRun();
    const { frames, replies } = await play(SCRIPT, () => true, expected);
    expect({ frames, replies }).toEqual({ frames: expected.frames, replies: expected.replies });
  });
});
