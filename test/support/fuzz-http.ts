import { connect } from "node:net";

/** A reply as it came over TCP, with nothing normalized on the way. */
export interface RawReply {
  readonly status: number;
  /** Names in lower case; of several with one name, joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The `code` of a problem; undefined where the body is none. */
  readonly code: string | undefined;
}

export interface RawOptions {
  /** Ends our side right after the request, as one whose body breaks off does. */
  readonly halfClose?: boolean;
  readonly deadlineMs?: number;
}

interface RawCall {
  /** Written as it is, but for `Connection: close`, which is added. */
  readonly headers?: readonly string[];
  readonly body?: string | Buffer;
  /** Default: that of the body, where there is one. */
  readonly contentLength?: number;
  readonly host?: string;
}

/** The bytes of a request; each part is sent as it stands, valid or not (Latin-1, so that any byte can be said). */
export const requestBytes = (method: string, target: string, call: RawCall = {}): Buffer => {
  const body = Buffer.from(call.body ?? "");
  const length = call.contentLength ?? (call.body === undefined ? undefined : body.length);
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${call.host ?? "127.0.0.1"}`,
    "Connection: close",
    ...(call.headers ?? []),
    ...(length === undefined ? [] : [`Content-Length: ${length}`]),
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]);
};

/** Sends bytes over a connection of their own, and reads what comes until it ends. */
export const rawReplies = (port: number, bytes: Buffer, options: RawOptions = {}): Promise<readonly RawReply[]> =>
  new Promise((done, failed) => {
    const deadlineMs = options.deadlineMs ?? 10_000;
    const chunks: Buffer[] = [];
    const socket = connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    const finish = () => {
      clearTimeout(deadline);
      socket.destroy();
      done(repliesIn(Buffer.concat(chunks)));
    };
    const deadline = setTimeout(() => {
      socket.destroy();
      failed(new Error(`No end within ${deadlineMs} ms of: ${bytes.toString("latin1").slice(0, 300)}`));
    }, deadlineMs);
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      // A stream stays open: its head is all there is to wait for.
      if (chunk.includes("101 Switching Protocols")) finish();
      else if (/^HTTP\/1\.1 200 [\s\S]*\r\ncontent-type: text\/event-stream\r\n/i.test(chunk.toString("latin1"))) {
        finish();
        socket.resetAndDestroy();
      }
    });
    socket.on("end", finish);
    // A server that refuses early may reset what is still on its way to it; what it said before counts.
    socket.on("error", finish);
    socket.write(bytes);
    if (options.halfClose === true) socket.end();
  });

/** The one reply to a request. */
export const raw = async (port: number, bytes: Buffer, options?: RawOptions): Promise<RawReply> => {
  const [reply] = (await rawReplies(port, bytes, options)).filter(({ status }) => status !== 100);
  if (reply === undefined) throw new Error(`No reply to: ${bytes.toString("latin1").slice(0, 300)}`);
  return reply;
};

/** Reads as many replies as there are whole ones; without a length a body goes on to the end. */
export const repliesIn = (bytes: Buffer): readonly RawReply[] => {
  const replies: RawReply[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const headEnd = rest.indexOf("\r\n\r\n");
    const status = /^HTTP\/1\.[01] ([0-9]{3}) /.exec(rest.subarray(0, 16).toString("latin1"))?.[1];
    if (headEnd === -1 || status === undefined) break;
    const headers: Record<string, string> = {};
    for (const line of rest.subarray(0, headEnd).toString("latin1").split("\r\n").slice(1)) {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).toLowerCase();
      const value = line.slice(colon + 1).trim();
      headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
    }
    const isBodiless = status === "101" || status === "100" || status === "204";
    const length = isBodiless ? 0 : Number(headers["content-length"] ?? rest.length);
    const text = rest.subarray(headEnd + 4, headEnd + 4 + length).toString();
    replies.push({ status: Number(status), headers, text, code: codeIn(text) });
    rest = rest.subarray(headEnd + 4 + length);
  }
  return replies;
};

const codeIn = (text: string): string | undefined => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && "code" in value ? String(value.code) : undefined;
  } catch {
    return undefined;
  }
};

/**
 * What the runtime's own HTTP server answers before there is a request for the Worker: plain text, of a closed list. On
 * Cloudflare such bytes end at the edge.
 */
const RUNTIMES_OWN: readonly (readonly [number, RegExp])[] = [
  // Empty where it answers a HEAD.
  [400, /^(?:Bad Request|invalid [A-Za-z -]+|unexpected transfer-encoding parsed|ERROR: Missing Sec-WebSocket-Key)?$/],
  [414, /^(?:URI too long)?$/],
  [426, /^(?:ERROR: The requested WebSocket version is not supported\.)?$/],
  [431, /^/],
  [501, /^(?:ERROR: Unrecognized request method\.)?$/],
];

export const isRuntimesOwn = (reply: RawReply): boolean =>
  // Every reply of the Worker has this header.
  reply.headers["x-content-type-options"] === undefined &&
  RUNTIMES_OWN.some(([status, text]) => reply.status === status && text.test(reply.text));

/** What no reply may hold (E2). */
const STACK = /\bat (?:async )?[\w#.<>]+ \(|worker\.js|(?:Type|Reference|Range|Syntax)Error|"stack"/;

/** What is wrong with a reply, whatever was asked: E1 and E2. */
export const replyFaults = (reply: RawReply): readonly string[] => {
  const faults: string[] = [];
  const own = isRuntimesOwn(reply);
  if (reply.status >= 500 && !own) faults.push(`[E2] ${reply.status} ${reply.text.slice(0, 200)}`);
  if (STACK.test(reply.text)) faults.push(`[E2] a stack: ${reply.text.slice(0, 200)}`);
  if (reply.status >= 400 && !own && reply.headers["content-type"] !== "application/problem+json") {
    faults.push(`[E1] ${reply.status} is no problem+json: ${reply.text.slice(0, 200)}`);
  }
  return faults;
};
