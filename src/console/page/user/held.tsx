/** What is held for a user (S10), each with its trail, and a recall of what nobody has acked. */
import { useState } from "preact/hooks";
import type { HeldPage, HeldReply } from "../../../protocol/replies.ts";
import { call, query, userPath } from "../api.ts";
import { Ago } from "../parts/ago.tsx";
import { counted } from "../parts/amount.ts";
import { Button } from "../parts/button.tsx";
import { Data } from "../parts/data.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Empty, Reading } from "../parts/empty.tsx";
import { Head } from "../parts/head.tsx";
import { useLoaded } from "../parts/loading.ts";
import { tell } from "../parts/notices.tsx";
import { OpeningRow } from "../parts/opening-row.tsx";
import { Pager, usePages } from "../parts/pager.tsx";
import { notAllowed } from "../session.ts";
import { Fields, textOf, timeOf } from "./fields.tsx";
import { Trail } from "./trail.tsx";

const PAGE = 50;

interface HeldProps {
  readonly user: string;
  /** How many there are; another number than before says that the list has changed. */
  readonly held: number;
  readonly onChange: () => void;
}

export const Held = ({ user, held, onChange }: HeldProps) => {
  const pages = usePages<number>();
  const path = userPath(user, `/messages${query({ after: pages.after, limit: PAGE })}`);
  const loaded = useLoaded<HeldPage>(path);
  const { value, reload } = loaded;
  const [opened, setOpened] = useState<number>();
  const changed = (): void => {
    reload();
    onChange();
  };
  return (
    <section aria-labelledby="held">
      <div class="section-head">
        <h2 id="held">Held for this user</h2>
        <div class="actions">
          <Button onPress={reload}>Read again</Button>
        </div>
      </div>
      <Reading of={loaded} what="what is held" />
      {value !== undefined && value.messages.length === 0 ? (
        <Empty title={pages.number === 1 ? "Nothing is held." : "Nothing more is held."}>
          {held > 0 && pages.number === 1
            ? "Something came in just now: read again."
            : "Messages that wait for a device stand here, until all devices have acked them or their time is over."}
        </Empty>
      ) : null}
      {value === undefined || value.messages.length === 0 ? null : (
        <table class="messages stacked">
          <Head
            columns={["Message", "Status", ["Sent to", "count wide"], ["Accepted", "time"], ["Expires", "time wide"]]}
          />
          <tbody>
            {value.messages.map((message) => (
              <OpeningRow
                key={message.seq}
                message={message}
                isOpen={opened === message.seq}
                onOpen={() => setOpened(opened === message.seq ? undefined : message.seq)}
                detail={<Detail user={user} message={message} onChange={changed} />}
              >
                <td>{message.status === "queued" ? "not acked yet" : `${message.status}, for other devices`}</td>
                <td class="count wide">{message.sent_to}</td>
                <td class="time">
                  <Ago at={message.accepted_at} />
                </td>
                <td class="time wide">
                  <Ago at={message.expires_at} />
                </td>
              </OpeningRow>
            ))}
          </tbody>
        </table>
      )}
      <Pager pages={pages} next={value?.next} what="held messages" />
    </section>
  );
};

interface DetailProps {
  readonly user: string;
  readonly message: HeldReply;
  readonly onChange: () => void;
}

const Detail = ({ user, message, onChange }: DetailProps) => {
  const [isAsking, setIsAsking] = useState(false);
  const recall = async (): Promise<void> => {
    const path = userPath(user, `/messages/${encodeURIComponent(message.id)}`);
    const recalled = await call<{ readonly sent: boolean }>(path, { method: "DELETE" });
    tell(recalled, ({ sent }) => `Recalled${sent ? "; but a device may have got it already" : ". Nobody got it"}.`);
    onChange();
  };
  const acked = message.status === "queued" ? undefined : "Somebody has acked it: it cannot be taken back.";
  return (
    <>
      <Trail steps={message.trail} />
      <Fields
        fields={[
          ["seq", message.seq],
          ["id", textOf(message.id)],
          ["topic", textOf(message.topic)],
          ["sent to", counted(message.sent_to, "open connection")],
          ["accepted", timeOf(message.accepted_at)],
          ["expires", timeOf(message.expires_at)],
          ["delivered", timeOf(message.delivered_at)],
          ["went to the webhook", timeOf(message.escalated_at)],
          ["requeued from", message.requeued_from],
        ]}
      />
      <Data data={message.data} />
      <div class="actions">
        <Button kind="danger" why={notAllowed("manage") ?? acked} onPress={() => setIsAsking(true)}>
          Recall …
        </Button>
      </div>
      {isAsking ? (
        <Confirm title="Recall this message?" act="Recall it" onConfirm={recall} onClose={() => setIsAsking(false)}>
          <p>It ends as recalled, and no device gets it from now on.</p>
        </Confirm>
      ) : null}
    </>
  );
};
