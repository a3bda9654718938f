import { expect, test } from "vitest";
import { eventually } from "../proofs/clock.ts";
import { heldSend } from "../proofs/hang-up.ts";
import { Backend } from "../support/backend.ts";
import { startRuntime } from "../support/runtime.ts";

test("[M4] /health answers at once while hundreds of callers wait, and again as soon as the runtime is back after a crash", async () => {
  const runtime = await startRuntime();
  try {
    const backend = new Backend(runtime.url);
    const callers = Array.from({ length: 300 }, (_, at) =>
      heldSend(runtime.url, "busy", { type: "t", id: `${at}` }, 30),
    );
    await eventually("all of them wait", async () => (await backend.user("busy")).body.held.count === 300);
    const beganAt = performance.now();
    expect((await fetch(`${runtime.url}/health`)).status).toBe(200);
    expect(performance.now() - beganAt).toBeLessThan(500);

    await runtime.kill();
    expect(new Set(await Promise.all(callers.map((caller) => caller.ended)))).toEqual(new Set(["gone"]));
    await expect(fetch(`${runtime.url}/health`)).rejects.toThrow();
    await runtime.restart();
    expect((await fetch(`${runtime.url}/health`)).status).toBe(200);
    // It answers for the process; what was held is there all the same.
    expect((await backend.user("busy")).body.held.count).toBe(300);
  } finally {
    await runtime.stop();
  }
});
