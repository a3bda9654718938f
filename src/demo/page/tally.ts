/** The scores of both columns, and what this page counted. */
import { byId, drawEach, make } from "./element.ts";
import type { Counts } from "./story.ts";
import { seconds } from "./transcript.ts";

export class Tally {
  readonly #ordinary = byId("ordinary-score", HTMLElement);
  readonly #restante = byId("restante-score", HTMLElement);
  readonly #list = byId("tally", HTMLElement);

  /** `carried`: messages of the run that came over the wire. */
  draw(counts: Counts, carried: number): void {
    const { sent, arrived, ordinary, kept, twice, outOfOrder, longestWaitMs, isComplete } = counts;
    if (sent === 0) {
      this.#ordinary.textContent = "";
      this.#restante.textContent = "";
      this.#list.replaceChildren();
      return;
    }
    this.#ordinary.textContent = `${ordinary} of ${sent} arrived`;
    this.#restante.textContent = `${arrived} of ${sent} arrived`;
    const rows: readonly (readonly [string, string])[] = [
      ["kept for this page", String(kept)],
      ["longest wait", seconds(longestWaitMs)],
      ["repeats dropped", String(Math.max(0, carried - arrived - twice))],
      ["shown twice", String(twice)],
      ["out of order", String(outOfOrder)],
      ["answer", isComplete ? "complete" : "open"],
    ];
    drawEach(
      this.#list,
      rows.map(([name, value]) => ({
        key: value,
        make: () => make("div", "", make("dt", "", name), make("dd", "", value)),
      })),
    );
  }
}
