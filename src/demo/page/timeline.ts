/** The run at a glance: when the agent sent, and when this page was there. For eyes only; the columns say the same in words. */
import { SCRIPT_MS } from "../script.ts";
import { byId, make } from "./element.ts";
import type { Story } from "./story.ts";

export class Timeline {
  readonly #sends = byId("timeline-sends", HTMLElement);
  readonly #connected = byId("timeline-connected", HTMLElement);

  draw(story: Story): void {
    const { run, record } = story;
    const end = record?.isOver ? Date.parse(record.sent.at(-1)?.acceptedAt ?? "") : Date.now();
    const lengthMs = Math.max(SCRIPT_MS, end - run) * 1.02;
    const place = (instant: number) => Math.min(100, Math.max(0, ((instant - run) / lengthMs) * 100));

    const sent = record?.sent ?? [];
    const fates = story.ordinary();
    this.#sends.replaceChildren(
      ...sent.map(({ acceptedAt }, index) => {
        const tick = make("i", `tick ${fates[index]?.fate ?? ""}`);
        tick.style.left = `${place(Date.parse(acceptedAt))}%`;
        return tick;
      }),
    );
    this.#connected.replaceChildren(
      ...story.connected
        .filter(({ to }) => run > 0 && (to ?? end) > run)
        .map(({ from, to }) => {
          const bar = make("i", "bar");
          bar.style.left = `${place(from)}%`;
          bar.style.width = `${place(Math.min(to ?? end, end)) - place(from)}%`;
          return bar;
        }),
    );
  }
}
