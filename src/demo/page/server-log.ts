/** The lines that an ordinary stack's server would have written, one for each event that did not come to this page. */
import { byId, make } from "./element.ts";
import type { Shown } from "./story.ts";

export class ServerLog {
  readonly #list = byId("log", HTMLOListElement);
  readonly #user: string;

  constructor(user: string) {
    // As much of it as tells it apart.
    this.#user = `${user.slice(0, 13)}…`;
  }

  draw(all: readonly Shown[]): void {
    const lines = all.filter(({ fate }) => fate !== "arrived").map((shown) => this.#line(shown));
    if (this.#list.children.length > lines.length) this.#list.replaceChildren();
    const isAtEnd = isScrolledDown(this.#list.parentElement);
    for (const line of lines.slice(this.#list.children.length)) this.#list.append(make("li", "", line));
    if (isAtEnd) this.#list.parentElement?.scrollTo({ top: this.#list.scrollHeight });
  }

  #line({ event, fate }: Shown): string {
    return fate === "lost"
      ? `No WebSocket connections found for user ${this.#user}. User will not receive message: ${event.type}`
      : `Sent to another page of user ${this.#user}, not to this one: ${event.type}`;
  }
}

const isScrolledDown = (box: Element | null): boolean =>
  box === null || box.scrollHeight - box.scrollTop - box.clientHeight < 24;
