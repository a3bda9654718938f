/** `npm run proof -- waits`: waits of 0 to 30 s, acked before, at and after their limit, by readers who are there, late, or cut off. */
import { Backend } from "../support/backend.ts";
import { startRuntime } from "../support/runtime.ts";
import { runWaitCases, waitCases } from "./wait-case.ts";

const cases = waitCases([0, 0.01, 0.1, 0.5, 1, 2, 5, 10, 20, 29.5, 30, 31]);
console.log(`waits: ${cases.length} cases of 0 to 30 s`);
// Longer than any wait here: a client that does not ack for 20 s would be closed (D4).
const runtime = await startRuntime({ vars: { ACK_TIMEOUT_MS: "120000" } });
try {
  const found = await runWaitCases(new Backend(runtime.url), cases);
  for (const violation of found) console.log(`VIOLATION ${violation}`);
  console.log(found.length === 0 ? "passed" : `FAILED: ${found.length} violations`);
  process.exitCode = found.length === 0 ? 0 : 1;
} finally {
  await runtime.stop();
}
