/** What is held for a user (S10), each with its trail, and a recall of what nobody has acked. */
import { useState } from "preact/hooks";
import type { HeldPage, HeldReply } from "../../../protocol/replies.ts";
import { call, query, userPath } from "../api.ts";
import { Ago } from "../parts/ago.tsx";
import { count } from "../parts/amount.ts";
import { Button } from "../parts/button.tsx";
import { Data } from "../parts/data.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Empty, Failed, Loading } from "../parts/empty.tsx";
import { useLoaded } from "../parts/loading.ts";
import { notify } from "../parts/notices.tsx";
import { Pager, usePages } from "../parts/pager.tsx";
import { Shown } from "../parts/shown.tsx";
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
  const { value, failure, reload } = useLoaded<HeldPage>(path);
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
      {failure === undefined ? null : <Failed failure={failure} again={reload} />}
      {value === undefined && failure === undefined ? <Loading what="what is held" /> : null}
      {value !== undefined && value.messages.length === 0 ? (
        <Empty title={pages.number === 1 ? "Nothing is held." : "Nothing more is held."}>
          {held > 0 && pages.number === 1
            ? "Something came in just now: read again."
            : "Messages that wait for a device stand here, until all devices have acked them or their time is over."}
        </Empty>
      ) : null}
      {value === undefined || value.messages.length === 0 ? null : (
        <table class="messages stacked">
          <thead>
            <tr>
              <th scope="col">Message</th>
              <th scope="col">Status</th>
              <th scope="col" class="count wide">
                Sent to
              </th>
              <th scope="col" class="time">
                Accepted
              </th>
              <th scope="col" class="time wide">
                Expires
              </th>
            </tr>
          </thead>
          <tbody>
            {value.messages.map((message) => (
              <Row
                key={message.seq}
                user={user}
                message={message}
                isOpen={opened === message.seq}
                onOpen={() => setOpened(opened === message.seq ? undefined : message.seq)}
                onChange={changed}
              />
            ))}
          </tbody>
        </table>
      )}
      <Pager pages={pages} next={value?.next} what="held messages" />
    </section>
  );
};

interface RowProps {
  readonly user: string;
  readonly message: HeldReply;
  readonly isOpen: boolean;
  readonly onOpen: () => void;
  readonly onChange: () => void;
}

const Row = ({ user, message, isOpen, onOpen, onChange }: RowProps) => (
  <>
    <tr class={isOpen ? "is-open" : ""}>
      <th scope="row" class="name">
        <button type="button" class="open" aria-expanded={isOpen} onClick={onOpen}>
          <Shown text={message.type ?? ""} />
        </button>
        <span class="soft id">
          <Shown text={message.id} />
        </span>
      </th>
      <td>{message.status === "queued" ? "not acked yet" : `${message.status}, for other devices`}</td>
      <td class="count wide">{message.sent_to}</td>
      <td class="time">
        <Ago at={message.accepted_at} />
      </td>
      <td class="time wide">
        <Ago at={message.expires_at} />
      </td>
    </tr>
    {isOpen ? (
      <tr class="detail">
        <td colSpan={5}>
          <Detail user={user} message={message} onChange={onChange} />
        </td>
      </tr>
    ) : null}
  </>
);

const Detail = ({ user, message, onChange }: Pick<RowProps, "user" | "message" | "onChange">) => {
  const [isAsking, setIsAsking] = useState(false);
  const recall = async (): Promise<void> => {
    const path = userPath(user, `/messages/${encodeURIComponent(message.id)}`);
    const recalled = await call<{ readonly sent: boolean }>(path, { method: "DELETE" });
    if (!recalled.ok) notify(recalled.detail, "failed");
    else notify(recalled.value.sent ? "Recalled; but a device may have got it already." : "Recalled. Nobody got it.");
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
          ["sent to", count(message.sent_to, "open connection")],
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
