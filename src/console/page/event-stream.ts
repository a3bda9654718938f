/** Server-Sent Events (WHATWG HTML, section 9.2.6) from a `fetch`: `EventSource` can send no header, and a key goes into no URL. */

export interface StreamEvent {
  readonly type: string;
  readonly data: string;
}

/** In order. A comment, which keeps the stream alive, is none; `alive` hears of it, as of everything. */
export async function* events(body: ReadableStream<Uint8Array>, alive: () => void): AsyncGenerator<StreamEvent> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      alive();
      // A carriage return may be the first half of an end of line.
      const blocks = (rest + value).replaceAll(/\r\n/g, "\n").split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const event = eventOf(block);
        if (event !== undefined) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

const eventOf = (block: string): StreamEvent | undefined => {
  let type = "message";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, field = "", text = ""] = /^(\w+): ?(.*)$/s.exec(line) ?? [];
    if (field === "event") type = text;
    if (field === "data") data.push(text);
  }
  return data.length === 0 ? undefined : { type, data: data.join("\n") };
};
