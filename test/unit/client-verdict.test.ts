import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { closeCodeOfStatus, type Verdict, verdictOf } from "../../src/client/verdict.ts";
import { ERRORS } from "../../src/protocol/errors.ts";
import { projectDir } from "../support/worker-config.ts";

const errors = Object.entries(ERRORS);

/** What may be done after an error, by its `retry`: what would fail again is not tried again as it was. */
const allowed: Readonly<Record<string, readonly Verdict[]>> = {
  no: ["token", "stop"],
  later: ["later", "far"],
  same_id: ["later", "far"],
};

/** The advice of PROTOCOL.md's table of closes, as a verdict; the first that its words begin with. */
const advice: readonly (readonly [words: string, verdict: Verdict])[] = [
  ["your own (C3): reconnect at once", "now"],
  ["reconnect, backing off far", "far"],
  ["reconnect, backing off", "later"],
  ["as 1012", "later"],
  ["a deploy or a restart: all clients come back at once, so spread out", "later"],
  ["get a new token, then reconnect. Again 4401: stop", "token"],
  ["ask the backend for a token", "token"],
  ["stay away", "stop"],
  ["a fault of the client: report it; do not loop", "stop"],
];

const closes = errors.flatMap(([code, { close, retry }]) => (close === undefined ? [] : [{ code, close, retry }]));

test.each(closes)("[C11] what the client does after $close $code agrees with its `retry`, $retry", (row) => {
  expect(allowed[row.retry]).toContain(verdictOf(row.close, row.code));
});

test("[C11] the client does what PROTOCOL.md says of each close", () => {
  const page = readFileSync(join(projectDir, "src/protocol/PROTOCOL.md"), "utf8");
  const rows = [...page.matchAll(/^\| (\d{4}) \|([^|]*)\|([^|]*)\|$/gm)].map(([, code, reasons, todo]) => ({
    code: Number(code),
    reasons: [...(reasons ?? "").matchAll(/`([^`]+)`/g)].map(([, reason]) => reason ?? ""),
    todo: (todo ?? "").trim(),
  }));
  // Every close that the table of errors knows has its row, with its reasons.
  for (const { code, close } of closes) {
    expect(rows.find((row) => row.code === close)?.reasons, `${close} ${code}`).toContain(code);
  }
  for (const { code, reasons, todo } of rows) {
    const expected = advice.find(([words]) => todo.startsWith(words))?.[1];
    expect(expected, todo).toBeDefined();
    for (const reason of ["", ...reasons]) {
      // "If the user may still have one": none of its source's would fit.
      const verdict = reason === "token_mismatch" ? "stop" : expected;
      expect(verdictOf(code, reason), `${code} ${reason}`).toBe(verdict);
    }
  }
});

test("[C11] a close that no table has is tried again later", () => {
  for (const code of [1000, 1001, 1005, 1006, 1011, 1012, 1015, 3000, 4001, 4499]) {
    expect(verdictOf(code, "")).toBe("later");
  }
});

test.each(
  errors.flatMap(([code, { status, close, retry }]) => (status && close ? [{ code, status, close, retry }] : [])),
)("[C11] refused with $status $code the client does what it would after $close", ({ code, status, close }) => {
  expect(verdictOf(closeCodeOfStatus(status), code)).toBe(verdictOf(close, code));
});

test("[C11] any other refusal of the server's is not tried again as it was, and any failure of its own is", () => {
  for (const [code, { status }] of errors) {
    if (status === undefined || ERRORS[code as keyof typeof ERRORS].close !== undefined) continue;
    const verdict = verdictOf(closeCodeOfStatus(status), code);
    expect(status < 500 && status !== 429 ? allowed.no : allowed.later, `${status} ${code}`).toContain(verdict);
  }
  expect(verdictOf(closeCodeOfStatus(502), "")).toBe("later");
  expect(verdictOf(closeCodeOfStatus(504), "")).toBe("later");
});
