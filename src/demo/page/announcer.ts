/** Tells those who listen, a sentence at a time: pieces of two words would flood them. */
import type { DemoEvent } from "../events.ts";
import { byId, make } from "./element.ts";
import { wordsOf } from "./transcript.ts";

export class Announcer {
  readonly #log = byId("announcements", HTMLElement);
  #sentence = "";

  /** A new run: what was said is over. */
  clear(): void {
    this.#log.replaceChildren();
    this.#sentence = "";
  }

  say(text: string): void {
    this.#log.append(make("p", "", text));
  }

  tell(event: DemoEvent): void {
    if (event.type !== "text_streamed") return this.say(`${event.type.replace("_", " ")}: ${wordsOf(event)}`);
    this.#sentence += event.data.text;
    const end = /^(.*[.!?])(?:\s|$)/s.exec(this.#sentence)?.[1];
    if (end === undefined) return;
    this.say(end.trim());
    this.#sentence = this.#sentence.slice(end.length);
  }
}
