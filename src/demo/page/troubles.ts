/**
 * The switches: what a network and a reader do to a page.
 *
 * One that is on acts once in a run, as soon as so much of the answer is here; turned on later, it acts at once.
 */
import { DemoSocket } from "./demo-socket.ts";
import { byId, make } from "./element.ts";

/** Some pieces of the answer long, however quick the library is. */
const DROP_NOTICED_MS = 700;
const OFFLINE_MS = 5_000;

interface Trouble {
  readonly id: string;
  /** Pieces of the answer after which it acts. */
  readonly atPieces: number;
  /** Events that came as they were sent, since the page caught up: else one break would run into the next, and look like one. */
  readonly atLive: number;
  /** What is said as it acts. */
  readonly says: string;
  readonly act: () => void;
}

export class Troubles {
  readonly #slow = byId("slow", HTMLInputElement);
  readonly #notice = byId("notice", HTMLElement);
  readonly #done = new Set<string>();
  readonly #say: (text: string) => void;
  readonly #troubles: readonly Trouble[] = [
    { id: "tab", atPieces: 2, atLive: 0, says: "A second tab is opened.", act: () => this.#openTab() },
    {
      id: "drop",
      atPieces: 4,
      atLive: 3,
      says: "The connection breaks.",
      act: () => DemoSocket.break(DROP_NOTICED_MS),
    },
    {
      id: "offline",
      atPieces: 12,
      atLive: 3,
      says: "Offline, for 5 seconds.",
      act: () => DemoSocket.goOffline(OFFLINE_MS),
    },
    // The last: a page that was loaded anew has its switches off.
    { id: "reload", atPieces: 22, atLive: 0, says: "The page is reloaded.", act: () => location.reload() },
  ];

  /** `changed` is called where a switch was turned, so that it may act at once. */
  constructor(say: (text: string) => void, changed: () => void) {
    this.#say = say;
    for (const { id } of this.#troubles) {
      byId(id, HTMLInputElement).addEventListener("change", () => {
        this.#done.delete(id);
        changed();
      });
    }
  }

  /** The page connects so long after the agent was asked, in milliseconds. */
  get startMs(): number {
    return this.#slow.checked ? 6_000 : 2_200;
  }

  begin(): void {
    this.#done.clear();
    this.#notice.hidden = true;
  }

  /** `pieces` of a running answer are here, and the last so many events of it came `live`. */
  look(pieces: number, live: number): void {
    for (const { id, atPieces, atLive, says, act } of this.#troubles) {
      if (pieces < atPieces || live < atLive || this.#done.has(id) || !byId(id, HTMLInputElement).checked) continue;
      this.#done.add(id);
      this.#say(says);
      act();
    }
  }

  #openTab(): void {
    if (window.open("/demo", "_blank") !== null) return;
    const link = make("a", "", "Open it yourself");
    link.setAttribute("href", "/demo");
    link.setAttribute("target", "_blank");
    this.tell("Your browser did not let this page open a tab. ", link, ".");
  }

  /** Shows what did not go as it should. */
  tell(...words: readonly (Node | string)[]): void {
    this.#notice.replaceChildren(...words);
    this.#notice.hidden = false;
  }
}
