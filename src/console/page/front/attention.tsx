/** Who needs a person (N4): those who wait longest first. */
import { useState } from "preact/hooks";
import { ATTENTION_REASONS, type AttentionReason } from "../../../protocol/attention.ts";
import type { AttentionPage } from "../../../protocol/replies.ts";
import { query } from "../api.ts";
import { Ago } from "../parts/ago.tsx";
import { count, counted } from "../parts/amount.ts";
import { Chips } from "../parts/chips.tsx";
import { Empty, Reading } from "../parts/empty.tsx";
import { Head } from "../parts/head.tsx";
import { useLoaded } from "../parts/loading.ts";
import { Pager, usePages } from "../parts/pager.tsx";
import { Shown } from "../parts/shown.tsx";
import { linkToUser, type UserTab } from "../route.ts";

/** What else is on the front page stays near, however many they are. */
const PAGE = 20;
/** The index itself follows within seconds. */
const EVERY_MS = 5_000;

/** What a reason says, and where on the user's page it is to be seen. */
const REASONS: Readonly<Record<AttentionReason, { readonly words: string; readonly tab: UserTab }>> = {
  rejected: { words: "rejected", tab: "dead-letters" },
  expired: { words: "expired", tab: "dead-letters" },
  undeliverable: { words: "undeliverable", tab: "dead-letters" },
  held: { words: "held too long", tab: "held" },
  timeouts: { words: "timing out", tab: "live" },
  webhooks: { words: "webhook given up", tab: "webhooks" },
};

export const Attention = () => {
  const [reason, setReason] = useState<AttentionReason>();
  const pages = usePages<string>();
  const path = `/v1/attention${query({ reason, after: pages.after, limit: PAGE })}`;
  const loaded = useLoaded<AttentionPage>(path, EVERY_MS);
  const { value } = loaded;
  const choose = (next: AttentionReason | undefined): void => {
    setReason(next);
    pages.toFirst();
  };
  return (
    <section aria-labelledby="attention">
      <div class="section-head">
        <h2 id="attention">Who needs a person</h2>
        {value === undefined ? null : <Filter page={value} chosen={reason} onChoose={choose} />}
      </div>
      <Reading of={loaded} what="who needs a person" />
      {value === undefined ? null : <Users page={value} isAll={reason === undefined} />}
      <Pager pages={pages} next={value?.next} what="users" />
    </section>
  );
};

interface FilterProps {
  readonly page: AttentionPage;
  readonly chosen: AttentionReason | undefined;
  readonly onChoose: (reason: AttentionReason | undefined) => void;
}

const Filter = ({ page, chosen, onChoose }: FilterProps) => {
  const there = ATTENTION_REASONS.filter((reason) => page.reasons[reason] > 0 || reason === chosen);
  if (there.length === 0) return null;
  return (
    <Chips reasons={there} chosen={chosen} onChoose={onChoose}>
      {(reason) => (
        <>
          {REASONS[reason].words} <b>{count(page.reasons[reason])}</b>
        </>
      )}
    </Chips>
  );
};

const Users = ({ page, isAll }: { readonly page: AttentionPage; readonly isAll: boolean }) => {
  if (page.users.length === 0) {
    return (
      <Empty title={isAll ? "Nobody needs a person." : "Nobody of this reason."}>
        Here stand users with dead letters, with a message that nobody acks while they are connected, with a device that
        times out again and again, or with a webhook that was given up.
      </Empty>
    );
  }
  return (
    <>
      <p class="soft">{counted(page.total, "user")}, those who wait longest first.</p>
      <table class="stacked">
        <Head columns={["User", "Why", ["Since", "time"], ["Changed", "time wide"]]} />
        <tbody>
          {page.users.map(({ user, reasons, since, updated_at }) => (
            <tr key={user}>
              <th scope="row" class="name">
                <a href={linkToUser(user, REASONS[reasons[0] ?? "timeouts"].tab)}>
                  <Shown text={user} />
                </a>
              </th>
              <td class="tags">
                {reasons.map((reason) => (
                  <a key={reason} class="tag needs" href={linkToUser(user, REASONS[reason].tab)}>
                    {REASONS[reason].words}
                  </a>
                ))}
              </td>
              <td class="time">
                <Ago at={since} />
              </td>
              <td class="time wide">
                <Ago at={updated_at} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
};
