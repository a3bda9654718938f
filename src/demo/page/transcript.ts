/** One column's answer: the steps to it, its text and its end, in which what was lost is struck out, or what was kept is marked. */
import type { DemoEvent } from "../events.ts";
import { drawEach, make, spoken } from "./element.ts";
import type { Shown } from "./story.ts";

/** How a column tells of what found nobody. */
interface Telling {
  /** The words on a step that an ordinary stack would not have brought to this page. */
  readonly badge: (shown: Shown) => string;
  /** The same of a stretch of text. */
  readonly stretch: (text: string) => HTMLElement;
}

export const ordinaryTelling: Telling = {
  badge: ({ fate }) => (fate === "lost" ? "lost" : "missed"),
  stretch: (text) => make("del", "", spoken("[lost: "), text, spoken("]")),
};

export const restanteTelling: Telling = {
  badge: ({ fate, waitedMs = 0 }) => `${fate === "lost" ? "kept" : "again"} ${seconds(waitedMs)}`,
  stretch: (text) => make("mark", "", text),
};

export const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

export class Transcript {
  readonly #steps: Element;
  readonly #end: Element;
  readonly #answer: Element;
  readonly #telling: Telling;

  constructor(column: HTMLElement, telling: Telling) {
    const [steps, end] = column.querySelectorAll(".steps");
    const answer = column.querySelector(".answer");
    if (steps === undefined || end === undefined || answer === null)
      throw new Error("A column has steps and an answer.");
    this.#steps = steps;
    this.#end = end;
    this.#answer = answer;
    this.#telling = telling;
  }

  draw(all: readonly Shown[]): void {
    const isEnd = ({ event }: Shown) => event.type === "agent_completed";
    const isText = ({ event }: Shown) => event.type === "text_streamed";
    this.#drawSteps(
      this.#steps,
      all.filter((shown) => !isText(shown) && !isEnd(shown)),
    );
    this.#drawSteps(this.#end, all.filter(isEnd));
    drawEach(
      this.#answer,
      stretches(all).map(({ text, isMarked }) => ({
        key: `${isMarked} ${text}`,
        make: () => {
          if (!isMarked) return make("span", "", text);
          // A line through the space before it would look like part of the word.
          const words = text.trimStart();
          return make("span", "", text.slice(0, -words.length), this.#telling.stretch(words));
        },
      })),
    );
  }

  #drawSteps(list: Element, steps: readonly Shown[]): void {
    drawEach(
      list,
      steps.map((shown) => ({ key: `${shown.event.type} ${shown.fate}`, make: () => this.#step(shown) })),
    );
  }

  #step(shown: Shown): HTMLElement {
    const { type } = shown.event;
    const isMarked = shown.fate !== undefined && shown.fate !== "arrived";
    const name = make("code", "step-name", type);
    const words = make("span", "step-words", wordsOf(shown.event));
    const step = make("li", "step", name, " ", words);
    if (!isMarked) return step;
    step.classList.add("is-marked");
    step.append(" ", make("span", "badge", this.#telling.badge(shown)));
    return step;
  }
}

/** The text in stretches: neighbours that had the same fate are one. */
const stretches = (all: readonly Shown[]): readonly { readonly text: string; readonly isMarked: boolean }[] => {
  const made: { text: string; isMarked: boolean }[] = [];
  for (const { event, fate } of all) {
    if (event.type !== "text_streamed") continue;
    const isMarked = fate !== undefined && fate !== "arrived";
    const last = made.at(-1);
    if (last?.isMarked === isMarked) last.text += event.data.text;
    else made.push({ text: event.data.text, isMarked });
  }
  return made;
};

export const wordsOf = (event: DemoEvent): string => {
  switch (event.type) {
    case "agent_started":
      return "has your question";
    case "agent_thinking":
      return `about ${event.data.about}`;
    case "tool_executing":
      return `${event.data.tool}("${event.data.input}")`;
    case "tool_completed":
      return event.data.output;
    case "text_streamed":
      return event.data.text;
    case "agent_completed":
      return `after ${event.data.events} events`;
  }
};
