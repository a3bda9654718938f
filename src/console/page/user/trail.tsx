/** What has become of a message so far, step by step (N3). */
import { Clock } from "../parts/ago.tsx";
import { ConnectionId } from "../parts/connection-id.tsx";
import { Shown } from "../parts/shown.tsx";

/** An event that a later release adds is shown as it comes. */
interface Step {
  readonly at: string;
  readonly event: string;
  readonly connection_id?: string;
  readonly device?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly from?: number;
}

export const Trail = ({ of }: { readonly of: object }) => {
  const steps = "trail" in of && Array.isArray(of.trail) ? (of.trail as readonly Step[]) : [];
  if (steps.length === 0) return null;
  return (
    <section class="trail" aria-label="Trail">
      <h3>Trail</h3>
      <ol>
        {steps.map((step, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a trail only grows at its end
          <li key={index} data-is={step.event}>
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

const Words = ({ step }: { readonly step: Step }) => {
  const where =
    step.device === undefined ? null : (
      <>
        <b>{step.device}</b>{" "}
        <span class="soft">
          <ConnectionId id={step.connection_id} />
        </span>
      </>
    );
  switch (step.event) {
    case "accepted":
      return <>and stored</>;
    case "sent":
      return <>to {where}</>;
    case "acked":
      return <>by {where}</>;
    case "closed":
      return (
        <>
          {where} with {step.code}, without an ack
        </>
      );
    case "rejected":
      return (
        <>
          {where === null ? null : <>by {where}</>}
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
      return where;
  }
};
