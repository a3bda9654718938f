/** The start-up check: the failure that this project ends, tried out each minute, step by step. */
import { useState } from "preact/hooks";
import { READINESS_STEPS, type Readiness } from "../../../protocol/readiness.ts";
import { call } from "../api.ts";
import { Button } from "../parts/button.tsx";
import { type Clock, duration } from "./units.ts";

const WORDS: Readonly<Record<(typeof READINESS_STEPS)[number], string>> = {
  configuration: "secrets stand",
  send: "nobody is connected yet",
  connect: "a socket opens",
  receive: "the message arrives",
  ack: "it is delivered",
  clear: "nothing is left of it",
};

interface StartUpProps {
  readonly last: Readiness | undefined;
  readonly now: number;
  readonly clock: Clock;
}

export const StartUp = ({ last, now, clock }: StartUpProps) => {
  const [own, setOwn] = useState<Readiness | undefined>();
  const [isBusy, setBusy] = useState(false);
  const [fault, setFault] = useState<string | undefined>();
  const checkNow = async (): Promise<void> => {
    setBusy(true);
    // 503 is an outcome, too: it is not ready.
    const outcome = await call<Readiness>("/ready", { takes: 503 });
    setBusy(false);
    const isOutcome = outcome.ok && "steps" in outcome.value;
    setFault(isOutcome ? undefined : outcome.ok ? "The Monitor cannot be reached: try again." : outcome.detail);
    if (isOutcome) setOwn(outcome.value);
  };
  const check = own !== undefined && own.checked_at > (last?.checked_at ?? "") ? own : last;
  return (
    <section class="card start-up" aria-labelledby="start-up-title">
      <header>
        <h2 id="start-up-title">Start-up check</h2>
        <Button onPress={checkNow} isBusy={isBusy}>
          {isBusy ? "Checking…" : "Check now"}
        </Button>
      </header>
      <div role="status">
        {fault === undefined ? null : <p class="failure">{fault}</p>}
        {check === undefined ? <p class="soft">Its outcome is not known.</p> : <Outcome {...{ check, now, clock }} />}
      </div>
      {check === undefined ? null : <StepList check={check} />}
    </section>
  );
};

const Outcome = ({ check, now, clock }: Pick<StartUpProps, "now" | "clock"> & { readonly check: Readiness }) => (
  <p class={check.status === "ready" ? "" : "failure"}>
    <b>{check.status === "ready" ? "Passed" : "Failed"}</b> at {clock.instant(Date.parse(check.checked_at), now)}, in{" "}
    {duration(check.duration_ms)} <span class="soft">(version {check.version})</span>
  </p>
);

/** Those that were not taken stand there, too: where it ended shows. */
const StepList = ({ check }: { readonly check: Readiness }) => {
  const longest = Math.max(1, ...check.steps.map((step) => step.duration_ms));
  return (
    <ol class="steps">
      {READINESS_STEPS.map((name) => {
        const step = check.steps.find((taken) => taken.name === name);
        const state = step === undefined ? "skipped" : step.ok ? "passed" : "failed";
        return (
          <li key={name} data-state={state}>
            <span class="step-mark" aria-hidden="true" />
            <span class="step-name">
              {name} <span class="sr-only">{state}: </span>
              <span class="soft">{WORDS[name]}</span>
            </span>
            <meter class="step-bar" aria-hidden="true" min={0} max={longest} value={step?.duration_ms ?? 0} />
            <span class="step-time">{step === undefined ? "–" : duration(step.duration_ms)}</span>
            {step?.detail === undefined ? null : (
              <p class="failure">
                {step.detail} <code>{step.code}</code>
              </p>
            )}
          </li>
        );
      })}
    </ol>
  );
};
