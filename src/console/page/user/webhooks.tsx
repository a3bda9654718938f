/** What the webhook is still to be told of a user, and what it could not be (N2). */
import { useState } from "preact/hooks";
import type { WebhookPage } from "../../../protocol/replies.ts";
import { call, query, userPath } from "../api.ts";
import { Ago } from "../parts/ago.tsx";
import { counted } from "../parts/amount.ts";
import { Button } from "../parts/button.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Empty, Reading } from "../parts/empty.tsx";
import { Head } from "../parts/head.tsx";
import { useLoaded } from "../parts/loading.ts";
import { tell } from "../parts/notices.tsx";
import { Pager, usePages } from "../parts/pager.tsx";
import { Shown } from "../parts/shown.tsx";
import { notAllowed } from "../session.ts";

const PAGE = 100;

export const Webhooks = ({ user }: { readonly user: string }) => {
  const pages = usePages<number>();
  const path = userPath(user, `/webhooks${query({ after: pages.after, limit: PAGE })}`);
  const loaded = useLoaded<WebhookPage>(path, 5_000);
  const { value, reload } = loaded;
  const [isAsking, setIsAsking] = useState(false);
  const failed = value?.webhooks.filter(({ status }) => status === "failed").length ?? 0;
  const why = notAllowed("manage") ?? (failed === 0 ? "None here has been given up." : undefined);
  const retry = async (): Promise<void> => {
    const reply = await call<{ readonly retried: number }>(userPath(user, "/webhooks/retry"), { method: "POST" });
    tell(reply, ({ retried }) => `${counted(retried, "webhook")} begin anew, with the same ids.`);
    reload();
  };
  const discard = async (): Promise<void> => {
    const reply = await call<{ readonly discarded: number }>(userPath(user, "/webhooks"), { method: "DELETE" });
    tell(reply, ({ discarded }) => `Deleted ${counted(discarded, "webhook")}.`);
    reload();
  };
  return (
    <section aria-labelledby="webhooks">
      <div class="section-head">
        <h2 id="webhooks">Webhooks</h2>
        <div class="actions">
          <Button onPress={() => void retry()} why={why}>
            Tell again what was given up
          </Button>
          <Button kind="danger" onPress={() => setIsAsking(true)} why={why}>
            Delete what was given up …
          </Button>
        </div>
      </div>
      <Reading of={loaded} what="webhooks" />
      {value !== undefined && value.webhooks.length === 0 ? (
        <Empty title="Nothing is to be told.">
          Fallbacks, and ends that the setting <code>WEBHOOK_EVENTS</code> names, stand here until the webhook has taken
          them.
        </Empty>
      ) : null}
      {value === undefined || value.webhooks.length === 0 ? null : (
        <table class="stacked">
          <Head columns={["Event", "Status", ["Attempts", "count wide"], ["Next", "time"], ["Made", "time wide"]]} />
          <tbody>
            {value.webhooks.map((w) => (
              <tr key={w.id}>
                <th scope="row" class="name">
                  {w.event}
                  <span class="soft id">
                    of {w.seq} · {w.id}
                  </span>
                </th>
                <td>
                  <span class={w.status === "failed" ? "failure" : ""}>
                    {w.status === "failed" ? "given up" : "pending"}
                  </span>
                  {w.fault === undefined ? null : (
                    <span class="soft id">
                      <Shown text={w.fault} />
                    </span>
                  )}
                </td>
                <td class="count wide">{w.attempts}</td>
                <td class="time">{w.next_at === undefined ? "–" : <Ago at={w.next_at} />}</td>
                <td class="time wide">
                  <Ago at={w.created_at} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <Pager pages={pages} next={value?.next} what="webhooks" />
      {isAsking ? (
        <Confirm title="Delete what was given up?" act="Delete" onConfirm={discard} onClose={() => setIsAsking(false)}>
          <p>The webhook is never told of it. What is still pending stays.</p>
        </Confirm>
      ) : null}
    </section>
  );
};
