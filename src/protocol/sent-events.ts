/** Server-Sent Events (WHATWG HTML, section 9.2.6) as this service writes them: one line of data each. */

export interface SentEvent {
  /** The frame's type. */
  readonly event: string | undefined;
  readonly data: string;
}

/** What of a body's stream is used, so that any platform's will do. */
export interface ByteStream {
  getReader(): { read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }> };
}

/** The events of a body, as they come; over when it is. `alive` hears of comments, too. */
export async function* sentEvents(body: ByteStream, alive: () => void): AsyncGenerator<SentEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    alive();
    const blocks = (rest + decoder.decode(value, { stream: true })).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      // JSON has no line feed; what else a regular expression takes for the end of a line, such as U+2028, it may have.
      const [head, data] = block.split("\ndata: ");
      if (data !== undefined) yield { event: head?.split(/\W+/)[1], data };
    }
  }
}
