import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { Backend } from "./backend.ts";
import { Canaries, wholeState } from "./fuzz-canary.ts";
import { isRuntimesOwn, type RawOptions, type RawReply, raw, replyFaults, requestBytes } from "./fuzz-http.ts";
import { ALL_SCOPES } from "./fuzz-keys.ts";
import { type Runtime, startRuntime } from "./runtime.ts";

/** `"runtime"`: its own HTTP server answers in plain text, before there is a request. */
export type Meant = readonly [status: number, code: string] | "runtime";

export const NOT_FOUND: Meant = [404, "not_found"];
export const INVALID: Meant = [400, "invalid_request"];
export const JSON_TYPE = "Content-Type: application/json";

/** A runtime for a file of bad requests; after each of them the user's state, and that of others, is what it was. */
export class BadInputGround {
  readonly user = "bad-input";
  readonly messages = "/v1/users/bad-input/messages";
  #runtime: Runtime | undefined;
  #canaries: Canaries | undefined;
  #before = "";

  constructor() {
    beforeAll(async () => {
      this.#runtime = await startRuntime();
      this.#canaries = await Canaries.settle(this.#runtime.url);
      await this.backend.send(this.user, { type: "kept", id: "kept", data: 1 });
    });
    beforeEach(async () => {
      this.#before = await wholeState(this.backend, this.user);
    });
    afterEach(async () => {
      expect(await wholeState(this.backend, this.user)).toBe(this.#before);
      expect(await this.#canaries?.faults()).toEqual([]);
    });
    afterAll(async () => {
      await this.#canaries?.leave();
      await this.#runtime?.stop();
    });
  }

  get port(): number {
    if (this.#runtime === undefined) throw new Error("The runtime has not started.");
    return this.#runtime.port;
  }

  get backend(): Backend {
    return new Backend(`http://127.0.0.1:${this.port}`);
  }

  raw(bytes: Buffer, options?: RawOptions): Promise<RawReply> {
    return raw(this.port, bytes, options);
  }

  /** Sends it, and asserts what it must meet. */
  async meets(bytes: Buffer, meant: Meant, options?: RawOptions): Promise<RawReply> {
    const reply = await this.raw(bytes, options);
    expect(replyFaults(reply)).toEqual([]);
    if (meant === "runtime") expect([reply.status, isRuntimesOwn(reply)]).toEqual([reply.status, true]);
    else expect([reply.status, reply.code]).toEqual(meant);
    return reply;
  }

  get(target: string, ...headers: readonly string[]): Buffer {
    return requestBytes("GET", target, { headers: [ALL_SCOPES, ...headers] });
  }

  /** A send with this body. */
  post(body: string | Buffer, ...headers: readonly string[]): Buffer {
    return requestBytes("POST", this.messages, { headers: [ALL_SCOPES, ...headers], body });
  }
}
