/** What can happen to a client's network and to its server, one function for each. Each ends when the fault is over; what it leaves behind is the client's to notice. */
import type { Random } from "../support/random.ts";
import type { Fate, FaultyProxy, Judge } from "./faulty-proxy.ts";

export interface Scene {
  readonly proxy: FaultyProxy;
  readonly random: Random;
  /** SIGKILL, and a start on the same directory after so long. */
  readonly restartServer: (downMs: number) => Promise<void>;
}

/** False where there was nothing to strike. */
type Fault = (scene: Scene) => Promise<boolean>;

/** How long a fault waits for the frame that it is meant for. */
const STRIKE_DEADLINE_MS = 3_000;

/** A fault of all open streams, with what follows for new ones. */
const striking =
  (strike: (scene: Scene) => void | Promise<void>): Fault =>
  async (scene) => {
    const hit = scene.proxy.streams > 0;
    await strike(scene);
    return hit;
  };

/** A fault of the next text that matches. */
const nextText =
  (fate: Fate, matches: (...passing: Parameters<Judge>) => boolean): Fault =>
  async ({ proxy }) => {
    const usual = proxy.judge;
    const struck = Promise.withResolvers<boolean>();
    proxy.judge = (text, to) => {
      const before = usual(text, to);
      if (!matches(text, to)) return before;
      proxy.judge = usual;
      struck.resolve(true);
      return fate;
    };
    const deadline = setTimeout(() => struck.resolve(false), STRIKE_DEADLINE_MS);
    const hit = await struck.promise;
    clearTimeout(deadline);
    proxy.judge = usual;
    return hit;
  };

/** As a frame of its own, and as an event's data. */
const hasMessages = (text: string, to: string): boolean => to === "client" && text.includes('{"type":"messages"');
/** As a frame, and as a request. */
const isAck = (text: string, to: string): boolean => to === "server" && /^({"type":"ack"|POST \S+\/ack )/.test(text);

export const FAULTS = {
  reset: striking(({ proxy }) => proxy.cut("reset")),
  "orderly end": striking(({ proxy }) => proxy.cut("end")),
  "cut in mid-frame": nextText("halve", hasMessages),
  "frame lost": nextText("lose", hasMessages),
  "ack lost": nextText("lose", isAck),
  "close 1012": striking(({ proxy }) => proxy.sayClose(1012)),
  "half-close to the client": striking(({ proxy }) => proxy.halfClose("client")),
  "half-close to the server": striking(({ proxy }) => proxy.halfClose("server")),
  delay: striking(async ({ proxy, random }) => {
    proxy.delayMs = random.int(20, 300);
    await pause(random.int(500, 3_000));
    proxy.delayMs = 0;
  }),
  "slow line": striking(async ({ proxy, random }) => {
    proxy.bytesPerTick = random.int(1, 40);
    await pause(random.int(500, 3_000));
    proxy.bytesPerTick = undefined;
  }),
  "freeze and thaw": striking(async ({ proxy, random }) => {
    proxy.freeze();
    await pause(random.int(100, 4_000));
    proxy.thaw();
  }),
  "freeze and reset": striking(async ({ proxy, random }) => {
    proxy.freeze();
    await pause(random.int(100, 4_000));
    proxy.cut("reset");
    proxy.thaw();
  }),
  forgotten: striking(({ proxy }) => proxy.forget()),
  "connections refused": striking(async ({ proxy, random }) => {
    proxy.refuse();
    proxy.cut("reset");
    await pause(random.int(100, 3_000));
    await proxy.listen();
  }),
  "handshakes swallowed": striking(async ({ proxy, random }) => {
    proxy.cut("reset");
    proxy.freeze();
    await pause(random.int(500, 6_000));
    proxy.cut("reset");
    proxy.thaw();
  }),
  "server killed": striking(({ random, restartServer }) => restartServer(random.int(0, 2_000))),
} as const satisfies Record<string, Fault>;

export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as readonly FaultKind[];

const pause = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
