/** The frames on this page's socket, for the curious, and how many messages they carried. */
import { DemoSocket, type Frame } from "./demo-socket.ts";
import { byId, make } from "./element.ts";

const LINES_MAX = 300;

export class FrameLog {
  readonly #list = byId("frames", HTMLOListElement);
  /** Messages of a run that came over the wire, whether they were new or not. */
  #carried = new Map<number, number>();

  constructor() {
    DemoSocket.watch = (frame) => this.#add(frame);
  }

  carried(run: number): number {
    return this.#carried.get(run) ?? 0;
  }

  #add({ direction, text }: Frame): void {
    const arrow = direction === "in" ? "↓" : "↑";
    this.#list.append(make("li", direction, `${new Date().toISOString().slice(11, 23)} ${arrow} ${text}`));
    if (this.#list.children.length > LINES_MAX) this.#list.firstElementChild?.remove();
    if (direction === "in") this.#count(text);
  }

  #count(text: string): void {
    const frame: { readonly messages?: readonly { readonly data: { readonly run: number } }[] } = JSON.parse(text);
    for (const { data } of frame.messages ?? []) this.#carried.set(data.run, this.carried(data.run) + 1);
  }
}
