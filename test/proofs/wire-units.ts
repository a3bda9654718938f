/** Splits the bytes of one direction of a TCP connection into what belongs together: heads and bodies of HTTP, WebSocket frames, chunks of a stream. */

interface Unit {
  readonly bytes: Buffer;
  /** What a head, a text frame, or a chunk of an event stream says; undefined for all else. */
  readonly text?: string;
  readonly isHead?: true;
}

/** What comes next: HTTP until a head says otherwise. */
export type Phase = "http" | "frames" | "chunks";

const HEAD_END = "\r\n\r\n";

export class Units {
  #phase: Phase = "http";
  /** Bytes of an HTTP body that are still to come. */
  #bodyLeft = 0;
  #rest: Buffer = Buffer.alloc(0);

  get phase(): Phase {
    return this.#phase;
  }

  /** Takes bytes as they come; gives the units that are whole. A body of HTTP is given as it comes. */
  push(bytes: Buffer): readonly Unit[] {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const units: Unit[] = [];
    for (let unit = this.#next(); unit !== undefined; unit = this.#next()) {
      units.push(unit);
      this.#rest = this.#rest.subarray(unit.bytes.length);
    }
    return units;
  }

  #next(): Unit | undefined {
    if (this.#rest.length === 0) return undefined;
    if (this.#phase === "frames") return frameIn(this.#rest);
    if (this.#phase === "chunks") {
      const unit = chunkIn(this.#rest);
      if (unit?.text === "") this.#phase = "http";
      return unit;
    }
    if (this.#bodyLeft > 0) {
      const bytes = this.#rest.subarray(0, this.#bodyLeft);
      this.#bodyLeft -= bytes.length;
      return { bytes };
    }
    const end = this.#rest.indexOf(HEAD_END);
    if (end < 0) return undefined;
    const bytes = this.#rest.subarray(0, end + HEAD_END.length);
    const head = bytes.toString("latin1");
    if (/^upgrade: *websocket/im.test(head)) this.#phase = "frames";
    else if (/^transfer-encoding: *chunked/im.test(head)) this.#phase = "chunks";
    else this.#bodyLeft = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
    return { bytes, text: head, isHead: true };
  }
}

/** RFC 6455, section 5.2. What a client sends is masked. */
const frameIn = (bytes: Buffer): Unit | undefined => {
  const second = bytes[1] ?? 0;
  const short = second & 0x7f;
  const maskFrom = short === 127 ? 10 : short === 126 ? 4 : 2;
  const isMasked = second >= 0x80;
  const from = isMasked ? maskFrom + 4 : maskFrom;
  if (bytes.length < from) return undefined;
  const length = short === 127 ? Number(bytes.readBigUInt64BE(2)) : short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < from + length) return undefined;
  const whole = bytes.subarray(0, from + length);
  const isText = ((bytes[0] ?? 0) & 0x0f) === 1;
  if (!isText) return { bytes: whole };
  const payload = whole.subarray(from);
  const mask = bytes.subarray(maskFrom, from);
  const plain = isMasked ? payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)) : payload;
  return { bytes: whole, text: Buffer.from(plain).toString() };
};

/** RFC 9112, section 7.1; without trailers. The last chunk is empty. */
const chunkIn = (bytes: Buffer): Unit | undefined => {
  const from = bytes.indexOf("\r\n") + 2;
  if (from < 2) return undefined;
  const to = from + Number.parseInt(bytes.toString("latin1", 0, from), 16);
  if (bytes.length < to + 2) return undefined;
  return { bytes: bytes.subarray(0, to + 2), text: bytes.toString("utf8", from, to) };
};
