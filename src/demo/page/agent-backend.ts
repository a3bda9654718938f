/** The agent's backend, as the page asks it by HTTP. */
import type { RunRecord } from "../events.ts";

export class AgentBackend {
  readonly #user: string;
  #watching: EventSource | undefined;

  constructor(user: string) {
    this.#user = user;
  }

  /** Starts a run, and says which. */
  async start(): Promise<number> {
    const { run } = (await this.#post("agent")) as { readonly run: number };
    return run;
  }

  async token(): Promise<string> {
    const { token } = (await this.#post("token")) as { readonly token: string };
    return token;
  }

  /** Tells of the last run, again and again until it is over; `gone` where there is none. Watching anew ends what watched before. */
  watch(tell: (record: RunRecord) => void, gone: () => void): void {
    this.#watching?.close();
    const source = new EventSource(this.#url("agent"));
    this.#watching = source;
    source.onmessage = ({ data }) => {
      const record: RunRecord = JSON.parse(data);
      // Else the browser would ask again.
      if (record.isOver) source.close();
      tell(record);
    };
    source.onerror = () => {
      if (source.readyState === EventSource.CLOSED) gone();
    };
  }

  async #post(what: "agent" | "token"): Promise<unknown> {
    const response = await fetch(this.#url(what), { method: "POST" });
    if (!response.ok) throw new Error(`The agent's backend answered ${response.status}: ${await response.text()}`);
    return response.json();
  }

  #url(what: "agent" | "token"): string {
    return `/demo/${what}?user=${this.#user}`;
  }
}
