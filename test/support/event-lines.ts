/** A body of Server-Sent Events, parsed as WHATWG HTML, section 9.2.6 says: what it has told so far, and each event as it ends. */
export class EventLines {
  /** Comment lines: the keep-alive. */
  comments = 0;
  /** The newest reconnection time, in milliseconds. */
  retryMs: number | undefined;
  lastId = "";
  readonly #dispatch: (event: string, data: string) => void;
  readonly #stranger: (line: string) => void;
  #rest = "";
  #event = "";
  #data: string[] = [];

  /** `stranger`: what to do with a line that is no field. */
  constructor(dispatch: (event: string, data: string) => void, stranger: (line: string) => void) {
    this.#dispatch = dispatch;
    this.#stranger = stranger;
  }

  take(text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\n|\r/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  #line(line: string): void {
    if (line === "") return this.#end();
    const [, name = "", value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "") this.comments += 1;
    else if (name === "event") this.#event = value;
    else if (name === "data") this.#data.push(value);
    else if (name === "id") this.lastId = value;
    else if (name === "retry") this.retryMs = Number(value);
    else this.#stranger(line);
  }

  #end(): void {
    const [event, data] = [this.#event, this.#data];
    [this.#event, this.#data] = ["", []];
    if (data.length > 0) this.#dispatch(event, data.join("\n"));
  }
}
