/** A user's dead letters (D7): to open, to send again, to throw away, one by one or many at once. */
import { useState } from "preact/hooks";
import { DEAD_LETTER_REASONS, type DeadLetterReason } from "../../../protocol/message.ts";
import type { DeadLetterPage } from "../../../protocol/replies.ts";
import { query, userPath } from "../api.ts";
import { count, counted } from "../parts/amount.ts";
import { Button } from "../parts/button.tsx";
import { Chips } from "../parts/chips.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { Empty, Reading } from "../parts/empty.tsx";
import { Head } from "../parts/head.tsx";
import { useLoaded } from "../parts/loading.ts";
import { Pager, usePages } from "../parts/pager.tsx";
import { notAllowed } from "../session.ts";
import { discardAll, discardEach, requeueAll, requeueEach } from "./dead-letter-actions.ts";
import { DeadLetterRow } from "./dead-letter-row.tsx";

/** Those of one page are in the document at a time, however many there are. */
const PAGE = 100;

interface DeadLettersProps {
  readonly user: string;
  readonly total: number;
  readonly onChange: () => void;
}

/** What is asked about, before it is done. */
type Asked = { readonly act: "requeue" | "discard"; readonly which: readonly number[] | "all" };

export const DeadLetters = ({ user, total, onChange }: DeadLettersProps) => {
  const [reason, setReason] = useState<DeadLetterReason>();
  const pages = usePages<number>();
  const path = userPath(user, `/dead-letters${query({ reason, after: pages.after, limit: PAGE })}`);
  const loaded = useLoaded<DeadLetterPage>(path);
  const { value, reload } = loaded;
  const [opened, setOpened] = useState<number>();
  const [chosen, setChosen] = useState<ReadonlySet<number>>(new Set());
  const [asked, setAsked] = useState<Asked>();
  const [progress, setProgress] = useState<string>();
  const letters = value?.dead_letters ?? [];
  const why = notAllowed("manage");

  const choose = (seqs: readonly number[], isChosen: boolean): void =>
    setChosen((before) => {
      const next = new Set(before);
      for (const seq of seqs) {
        if (isChosen) next.add(seq);
        else next.delete(seq);
      }
      return next;
    });
  const filter = (next: DeadLetterReason | undefined): void => {
    setReason(next);
    setChosen(new Set());
    pages.toFirst();
  };
  const done = (): void => {
    setProgress(undefined);
    setChosen(new Set());
    pages.toFirst();
    reload();
    onChange();
  };
  const act = async ({ act: what, which }: Asked): Promise<void> => {
    if (which === "all") await (what === "requeue" ? requeueAll : discardAll)(user, reason);
    else await (what === "requeue" ? requeueEach : discardEach)(user, which, setProgress);
    done();
  };
  const inOrder = (): readonly number[] => [...chosen].toSorted((a, b) => a - b);
  const ofReason = reason === undefined ? "all" : `all ${reason}`;
  const areAllChosen = letters.length > 0 && letters.every(({ seq }) => chosen.has(seq));

  return (
    <section aria-labelledby="dead-letters">
      <div class="section-head">
        <h2 id="dead-letters">Dead letters</h2>
        <Chips reasons={DEAD_LETTER_REASONS} chosen={reason} onChoose={filter}>
          {(name) => name}
        </Chips>
        <div class="actions">
          <Button onPress={reload}>Read again</Button>
        </div>
      </div>
      <Reading of={loaded} what="dead letters" />
      {value !== undefined && letters.length === 0 && pages.number === 1 ? (
        <Empty title={reason === undefined ? "No dead letters." : `None that ${reasonWords[reason]}.`}>
          A message that expired, that a client rejected, or that one device timed out on again and again stands here
          for 30 days, to be looked at and sent again.
        </Empty>
      ) : null}
      {letters.length === 0 ? null : (
        <>
          <div class="toolbar" role="toolbar" aria-label="What to do with dead letters">
            <Button
              kind="primary"
              why={why ?? (chosen.size === 0 ? "Choose some first." : undefined)}
              isBusy={progress !== undefined}
              onPress={() => setAsked({ act: "requeue", which: inOrder() })}
            >
              Requeue {chosen.size === 0 ? "chosen" : count(chosen.size)}
            </Button>
            <Button
              kind="danger"
              why={why ?? (chosen.size === 0 ? "Choose some first." : undefined)}
              isBusy={progress !== undefined}
              onPress={() => setAsked({ act: "discard", which: inOrder() })}
            >
              Delete {chosen.size === 0 ? "chosen" : count(chosen.size)}
            </Button>
            <span class="gap" />
            <Button why={why} onPress={() => setAsked({ act: "requeue", which: "all" })}>
              Requeue {ofReason} …
            </Button>
            <Button kind="danger" why={why} onPress={() => setAsked({ act: "discard", which: "all" })}>
              Delete {ofReason} …
            </Button>
          </div>
          <table class="messages stacked choosable">
            <caption class="sr-only">Dead letters, in the order in which they were accepted</caption>
            <Head columns={["Message", "Why", ["Accepted", "time wide"], ["Ended", "time"]]}>
              <td class="check">
                <input
                  type="checkbox"
                  aria-label="Choose all on this page"
                  checked={areAllChosen}
                  onChange={() =>
                    choose(
                      letters.map(({ seq }) => seq),
                      !areAllChosen,
                    )
                  }
                />
              </td>
            </Head>
            <tbody>
              {letters.map((letter) => (
                <DeadLetterRow
                  key={letter.seq}
                  letter={letter}
                  isOpen={opened === letter.seq}
                  isChosen={chosen.has(letter.seq)}
                  onOpen={() => setOpened(opened === letter.seq ? undefined : letter.seq)}
                  onChoose={(isChosen) => choose([letter.seq], isChosen)}
                  onRequeue={() => void requeueEach(user, [letter.seq], setProgress).then(done)}
                  onDelete={() => setAsked({ act: "discard", which: [letter.seq] })}
                />
              ))}
            </tbody>
          </table>
        </>
      )}
      <p class="soft" role="status">
        {progress ?? (chosen.size === 0 ? "" : `${counted(chosen.size, "dead letter")} chosen.`)}
      </p>
      <Pager pages={pages} next={value?.next} what="dead letters" />
      {asked === undefined ? null : (
        <Confirm
          title={titleOf(asked, ofReason)}
          act={asked.act === "requeue" ? "Requeue" : "Delete"}
          kind={asked.act === "requeue" ? "primary" : "danger"}
          onConfirm={() => act(asked)}
          onClose={() => setAsked(undefined)}
        >
          <p>
            {asked.act === "requeue"
              ? "Each becomes a new message at the end, with a new seq, as long as there is room."
              : "They cannot be had back."}{" "}
            {asked.which === "all" && reason === undefined ? `There are ${count(total)}.` : null}
          </p>
          {progress === undefined ? null : <p role="status">{progress}</p>}
        </Confirm>
      )}
    </section>
  );
};

const reasonWords: Readonly<Record<DeadLetterReason, string>> = {
  expired: "expired",
  rejected: "were rejected",
  undeliverable: "were undeliverable",
};

const titleOf = ({ act, which }: Asked, ofReason: string): string => {
  const verb = act === "requeue" ? "Requeue" : "Delete";
  return which === "all" ? `${verb} ${ofReason} dead letters?` : `${verb} ${counted(which.length, "dead letter")}?`;
};
