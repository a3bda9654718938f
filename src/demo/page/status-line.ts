/** The one line on this page's connection: what the inbox publishes, in words. */
import type { Status } from "../../client/client.ts";
import { byId } from "./element.ts";
import { seconds } from "./transcript.ts";

/** Before there is an inbox: nothing, or a page that is still starting. */
export type PageState = Status | { readonly state: "idle" } | { readonly state: "starting"; readonly until: number };

export class StatusLine {
  readonly #line = byId("status", HTMLElement);
  readonly #text = byId("status-text", HTMLElement);

  draw(status: PageState): void {
    const text = wordsOf(status);
    if (this.#text.textContent !== text) this.#text.textContent = text;
    this.#line.dataset.state = status.state;
  }
}

const wordsOf = (status: PageState): string => {
  switch (status.state) {
    case "idle":
      return "not connected";
    case "starting":
      return `page is starting, connects in ${left(status.until)}`;
    case "connecting":
      return status.attempt === 0 ? "connecting" : `connecting, attempt ${status.attempt + 1}`;
    case "catching_up":
      return `catching up, ${status.pending} waited`;
    case "open":
      return `connected in ${status.connectMs} ms`;
    case "waiting":
      return `connection lost, again in ${left(status.retryAt)}`;
    case "offline":
      return "offline";
    case "stopped":
      return status.error === undefined ? "closed" : `stopped: ${status.error.message}`;
  }
};

const left = (instant: number): string => seconds(Math.max(0, instant - Date.now()));
