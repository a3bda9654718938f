/** One user, whole: how they are now, and what can be done. */
import type { UserReply } from "../../../protocol/replies.ts";
import { Ago } from "../parts/ago.tsx";
import { count, counted, size } from "../parts/amount.ts";
import { Copy } from "../parts/copy.tsx";
import { Failed, Loading } from "../parts/empty.tsx";
import { Shown } from "../parts/shown.tsx";
import { linkToUser, USER_TABS, type UserTab } from "../route.ts";
import { may } from "../session.ts";
import { Actions } from "./actions.tsx";
import { DeadLetters } from "./dead-letters.tsx";
import { Held } from "./held.tsx";
import { type Live, useLive } from "./live.ts";
import { LiveTab } from "./live-tab.tsx";
import { Webhooks } from "./webhooks.tsx";

interface UserScreenProps {
  readonly user: string;
  readonly tab: UserTab;
}

export const UserScreen = ({ user, tab }: UserScreenProps) => {
  const live = useLive(user);
  const { state, failure } = live;
  return (
    <>
      <header class="user-head">
        <h1>
          <span class="sr-only">User </span>
          <Shown text={user} />
        </h1>
        <Copy text={user} what="the user’s id" />
        {state === undefined ? null : <Summary state={state} />}
      </header>
      {may("manage") || may("send") ? null : (
        <p class="soft">This key may look. To requeue, delete, revoke or erase it takes the scope manage.</p>
      )}
      {state === undefined && failure !== undefined ? <Failed failure={failure} again={live.reload} /> : null}
      {state === undefined && failure === undefined ? <Loading what="this user" /> : null}
      {state === undefined ? null : (
        <>
          {live.isLive ? null : (
            <p class="failure" role="status">
              Not live: this is as it was. {failure?.detail}
              {failure?.code === "replaced_by_newer" ? null : " It is tried again."}
            </p>
          )}
          <Tabs user={user} tab={tab} state={state} />
          <Tab user={user} tab={tab} live={live} state={state} />
        </>
      )}
    </>
  );
};

const Summary = ({ state }: { readonly state: UserReply }) => {
  const { connections, devices, held } = state;
  const words =
    connections.length > 0
      ? `Connected, ${counted(connections.length, "connection")}`
      : devices.length > 0
        ? "Not connected"
        : "Never connected";
  return (
    <dl class="summary">
      <div>
        <dt>Now</dt>
        <dd class="state" data-is={connections.length > 0 ? "on" : "off"} aria-live="polite">
          {words}
        </dd>
      </div>
      <div>
        <dt>Held</dt>
        <dd>
          {counted(held.count, "message")}
          {held.count === 0 ? null : (
            <span class="soft">
              {" "}
              · {size(held.bytes)}
              {held.oldest_at === undefined ? null : (
                <>
                  {" "}
                  · oldest <Ago at={held.oldest_at} />
                </>
              )}
            </span>
          )}
        </dd>
      </div>
      <div>
        <dt>Dead letters</dt>
        <dd class={state.dead_letters > 0 ? "failure" : ""}>{count(state.dead_letters)}</dd>
      </div>
      <div class="mailbox">
        <dt>In the logs</dt>
        <dd>
          <code title={state.mailbox}>{state.mailbox.slice(0, 16)}…</code>
          <Copy text={state.mailbox} what="the Mailbox’s name" />
        </dd>
      </div>
    </dl>
  );
};

const NAMES: Readonly<Record<UserTab, string>> = {
  live: "Live",
  held: "Held",
  "dead-letters": "Dead letters",
  webhooks: "Webhooks",
  act: "Act",
};

const Tabs = ({ user, tab, state }: UserScreenProps & { readonly state: UserReply }) => (
  <nav class="tabs" aria-label="Of this user">
    {USER_TABS.map((name) => {
      const number = name === "held" ? state.held.count : name === "dead-letters" ? state.dead_letters : 0;
      return (
        <a key={name} href={linkToUser(user, name)} aria-current={name === tab ? "page" : undefined}>
          {NAMES[name]}
          {number === 0 ? null : <span class="number">{count(number)}</span>}
        </a>
      );
    })}
  </nav>
);

const Tab = ({ user, tab, live, state }: UserScreenProps & { readonly live: Live; readonly state: UserReply }) => {
  switch (tab) {
    case "live":
      return <LiveTab live={live} state={state} />;
    case "held":
      return <Held user={user} held={state.held.count} onChange={live.reload} />;
    case "dead-letters":
      return <DeadLetters user={user} total={state.dead_letters} onChange={live.reload} />;
    case "webhooks":
      return <Webhooks user={user} />;
    case "act":
      return <Actions user={user} onChange={live.reload} />;
  }
};
