/** What has become of a message so far, step by step (N3). */
import type { TrailStep } from "../../../protocol/trail.ts";
import { Clock } from "../parts/ago.tsx";
import { ConnectionId } from "../parts/connection-id.tsx";
import { Shown } from "../parts/shown.tsx";

export const Trail = ({ steps = [] }: { readonly steps: readonly TrailStep[] | undefined }) => {
  if (steps.length === 0) return null;
  return (
    <section class="trail" aria-label="Trail">
      <h3>Trail</h3>
      <ol>
        {steps.map((step) => (
          <li key={keyOf(step)} data-is={step.event}>
            <Clock at={step.at} />
            <span>
              <b>{step.event}</b> <Words step={step} />
            </span>
          </li>
        ))}
      </ol>
    </section>
  );
};

/** A connection is sent a message once, and says once what became of it. */
const keyOf = ({ event, at, ...step }: TrailStep): string =>
  [event, at, "connection_id" in step ? step.connection_id : ""].join(" ");

const Words = ({ step }: { readonly step: TrailStep }) => {
  switch (step.event) {
    case "accepted":
      return <>and stored</>;
    case "sent":
      return (
        <>
          to <Where step={step} />
        </>
      );
    case "acked":
      return (
        <>
          by <Where step={step} />
        </>
      );
    case "closed":
      return (
        <>
          <Where step={step} /> with {step.code}, without an ack
        </>
      );
    case "rejected":
      return (
        <>
          {step.device === undefined ? null : (
            <>
              by <Where step={step} />
            </>
          )}
          {step.reason === undefined ? null : (
            <>
              : <Shown text={step.reason} />
            </>
          )}
        </>
      );
    case "expired":
      return <>its time was over</>;
    case "undeliverable":
      return <>one device timed out on it again and again</>;
    case "fallback":
      return <>it went to the webhook’s queue</>;
    case "requeued":
      return <>from {step.from}</>;
    default:
      // What a release after this one tells of: the name of it, and where, if it says so.
      return <Where step={step} />;
  }
};

interface Place {
  readonly connection_id?: string;
  readonly device?: string;
}

const Where = ({ step: { connection_id, device } }: { readonly step: Place }) =>
  device === undefined ? null : (
    <>
      <b>{device}</b>{" "}
      <span class="soft">
        <ConnectionId id={connection_id} />
      </span>
    </>
  );
