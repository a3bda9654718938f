/** `GET /metrics` where something of it is not known. */
import { expect, test } from "vitest";
import { merged } from "../../src/measures/deployment.ts";
import { exposition, type NeedingAttention } from "../../src/measures/exposition.ts";

const NOW = Date.UTC(2026, 10, 27, 12);

const samples = (attention: NeedingAttention | undefined): readonly string[] =>
  exposition(merged([], "15m", NOW), { now: NOW, startUpCheck: undefined, alerts: {}, attention }, "prometheus")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"));

test("[M2, N4] where the index of who needs a person cannot be reached, its numbers are left out, and no others", () => {
  const whole = samples({ total: 2, reasons: { rejected: 2, expired: 0 } });
  const ofIndex = whole.filter((line) => line.startsWith("restante_attention_"));
  expect(ofIndex).toEqual([
    "restante_attention_users 2",
    'restante_attention_reasons{reason="rejected"} 2',
    'restante_attention_reasons{reason="expired"} 0',
  ]);
  expect(whole).toContain("restante_held_messages 0");
  expect(samples(undefined)).toEqual(whole.filter((line) => !ofIndex.includes(line)));
});
