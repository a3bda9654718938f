/** One dead letter: its line, and opened what it was. */
import type { DeadLetterReply } from "../../../protocol/replies.ts";
import { Ago } from "../parts/ago.tsx";
import { Button } from "../parts/button.tsx";
import { Data } from "../parts/data.tsx";
import { OpeningRow } from "../parts/opening-row.tsx";
import { Shown } from "../parts/shown.tsx";
import { notAllowed } from "../session.ts";
import { Fields, textOf, timeOf } from "./fields.tsx";
import { Trail } from "./trail.tsx";

interface DeadLetterRowProps {
  readonly letter: DeadLetterReply;
  readonly isOpen: boolean;
  readonly isChosen: boolean;
  readonly onOpen: () => void;
  readonly onChoose: (isChosen: boolean) => void;
  readonly onRequeue: () => void;
  readonly onDelete: () => void;
}

export const DeadLetterRow = (props: DeadLetterRowProps) => {
  const { letter, isOpen, isChosen, onOpen, onChoose } = props;
  const check = (
    <td class="check">
      <input
        type="checkbox"
        aria-label={`Choose ${letter.type}, ${letter.seq}`}
        checked={isChosen}
        onChange={(event) => onChoose(event.currentTarget.checked)}
      />
    </td>
  );
  return (
    <OpeningRow message={letter} isOpen={isOpen} onOpen={onOpen} before={check} detail={<Detail {...props} />}>
      <td>
        {letter.reason}
        {letter.reject_reason === undefined ? null : (
          <span class="soft id">
            <Shown text={letter.reject_reason} />
          </span>
        )}
      </td>
      <td class="time wide">
        <Ago at={letter.accepted_at} />
      </td>
      <td class="time">
        <Ago at={letter.ended_at} />
      </td>
    </OpeningRow>
  );
};

const Detail = ({ letter, onRequeue, onDelete }: DeadLetterRowProps) => {
  const why = notAllowed("manage");
  return (
    <>
      <Trail steps={letter.trail} />
      <Fields
        fields={[
          ["seq", letter.seq],
          ["id", textOf(letter.id)],
          ["topic", textOf(letter.topic)],
          ["reason", letter.reason],
          ["accepted", timeOf(letter.accepted_at)],
          ["ended", timeOf(letter.ended_at)],
          ["requeued from", letter.requeued_from],
        ]}
      />
      {letter.reject_reason === undefined ? null : (
        <div class="words">
          <h3>The client’s words</h3>
          <p>
            <Shown text={letter.reject_reason} hasLines />
          </p>
        </div>
      )}
      <Data data={letter.data} />
      <div class="actions">
        <Button kind="primary" why={why} onPress={onRequeue}>
          Requeue
        </Button>
        <Button kind="danger" why={why} onPress={onDelete}>
          Delete …
        </Button>
      </div>
    </>
  );
};
