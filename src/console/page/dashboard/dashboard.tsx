/** Whether everybody is getting their messages: over all users, and now. */
import { useEffect, useMemo, useState } from "preact/hooks";
import { RANGES, type Range } from "../../../protocol/monitor-api.ts";
import type { MonitorReply } from "../../../protocol/replies.ts";
import { linkToRange, route } from "../route.ts";
import { Alerts } from "./alerts.tsx";
import type { Slots } from "./chart.tsx";
import { FigureCard } from "./figure-card.tsx";
import { figuresOf } from "./figures.ts";
import { useMonitor } from "./live.ts";
import { NumbersTable } from "./numbers-table.tsx";
import { StartUp } from "./start-up.tsx";
import { Clock } from "./units.ts";
import { type Heard, isFiring, RANGE_WORDS, type Verdict, verdictOf } from "./verdict.ts";

const clock = new Clock();
const TITLE = document.title;

export const Dashboard = () => {
  const at = route.value;
  const range: Range = at.at === "front" ? at.range : "15m";
  const heard = useMonitor(range);
  const verdict = verdictOf(heard, clock);
  const [isTable, setTable] = useState(false);
  useTitle(verdict);
  return (
    <div class="dashboard" data-tone={verdict.tone} aria-busy={heard.reply === undefined && heard.fault === undefined}>
      <Answer verdict={verdict} isAlert={heard.reply?.alerts.some(isFiring) === true} />
      <div class="dashboard-bar">
        <Ranges range={range} />
        <label class="as-table">
          <input type="checkbox" checked={isTable} onChange={() => setTable(!isTable)} />
          as a table
        </label>
        <Pulse heard={heard} />
      </div>
      {heard.reply === undefined ? null : <Numbers reply={heard.reply} isTable={isTable} />}
    </div>
  );
};

/** Said anew to who listens only where it changes. */
const Answer = ({ verdict, isAlert }: { readonly verdict: Verdict; readonly isAlert: boolean }) => (
  <header class="answer">
    <h1>Is everybody getting their messages?</h1>
    <p class="sentence" role="status">
      <span class="answer-mark" aria-hidden="true" />
      {verdict.sentence}
    </p>
    <p class="because">
      {verdict.because}{" "}
      {isAlert ? (
        <button type="button" class="link" onClick={toAlerts}>
          What to do
        </button>
      ) : null}
    </p>
  </header>
);

/** The address's fragment is where one is in the console. */
const toAlerts = (): void => {
  const alerts = document.getElementById("alerts");
  alerts?.focus();
  alerts?.scrollIntoView({ block: "center" });
};

const Ranges = ({ range }: { readonly range: Range }) => (
  <nav class="ranges" aria-label="How far back">
    {(Object.keys(RANGES) as Range[]).map((each) => (
      <a key={each} href={linkToRange(each)} aria-current={each === range ? "true" : undefined}>
        {RANGE_WORDS[each]}
      </a>
    ))}
  </nav>
);

const Pulse = ({ heard: { reply, staleSince } }: { readonly heard: Heard }) => {
  if (reply === undefined) return null;
  const at = Date.parse(reply.at);
  return (
    <p class="pulse soft" data-stale={staleSince !== undefined || undefined}>
      {/* It begins anew with each reply. */}
      <span key={at} class="pulse-mark" aria-hidden="true" />
      {staleSince === undefined ? "Live" : "Stale"}, as of{" "}
      <time dateTime={reply.at}>{clock.instant(at, Date.now())}</time>
      <span class="zone"> {clock.zone}</span>
    </p>
  );
};

const Numbers = ({ reply, isTable }: { readonly reply: MonitorReply; readonly isTable: boolean }) => {
  const { asked, ours } = useMemo(() => figuresOf(reply), [reply]);
  const slots = useMemo(() => slotsOf(reply), [reply]);
  const now = Date.parse(reply.at);
  const cards = (figures: typeof asked) =>
    figures.map((figure) => <FigureCard key={figure.id} figure={figure} slots={slots} />);
  return (
    <div class={isTable ? "numbers-place as-tables" : "numbers-place"}>
      {isTable ? (
        <NumbersTable figures={[...asked, ...ours]} slots={slots} />
      ) : (
        <>
          <div class="figures asked">{cards(asked)}</div>
          <div class="figures ours">{cards(ours)}</div>
        </>
      )}
      <div class="beside">
        <Alerts alerts={reply.alerts} now={now} clock={clock} />
        <StartUp last={reply.start_up_check} now={now} clock={clock} />
      </div>
    </div>
  );
};

const slotsOf = ({ range, slots, slot_ms: slotMs, at }: MonitorReply): Slots => {
  const begins = slots.map((slot) => Date.parse(slot.at));
  const now = Date.parse(at);
  return {
    range,
    clock,
    at: begins.map((ms) => ms / 1_000),
    endsAt: ((begins.at(-1) ?? 0) + slotMs) / 1_000,
    words: (slot) => clock.instant(begins[slot] ?? 0, now).replace(range === "15m" ? "" : /:\d\d$/, ""),
  };
};

const MARKS: Readonly<Record<Verdict["tone"], string>> = { good: "✓", bad: "✗", unsure: "?", quiet: "–" };

/** A tab among others says it, too; one that nobody looks at asks for nothing, and so claims nothing. */
const useTitle = ({ tone, sentence }: Verdict): void => {
  useEffect(() => {
    const show = () => {
      document.title = document.hidden ? TITLE : `${MARKS[tone]} ${sentence.replaceAll("\u00a0", " ")}`;
    };
    show();
    document.addEventListener("visibilitychange", show);
    return () => {
      document.removeEventListener("visibilitychange", show);
      document.title = TITLE;
    };
  }, [tone, sentence]);
};
