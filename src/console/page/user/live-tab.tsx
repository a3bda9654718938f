/** Who is connected, where each device is, and what happens, as it happens. */
import { useState } from "preact/hooks";
import type { MessageEnd } from "../../../protocol/message.ts";
import type { ConnectionReply, DeviceReply, UserReply } from "../../../protocol/replies.ts";
import { Ago, Clock } from "../parts/ago.tsx";
import { counted } from "../parts/amount.ts";
import { Button } from "../parts/button.tsx";
import { ConnectionId } from "../parts/connection-id.tsx";
import { Empty } from "../parts/empty.tsx";
import { Head } from "../parts/head.tsx";
import { Shown } from "../parts/shown.tsx";
import type { Line, Live } from "./live.ts";

export const LiveTab = ({ live, state }: { readonly live: Live; readonly state: UserReply }) => (
  <>
    <section aria-labelledby="connections">
      <h2 id="connections">Connections</h2>
      {state.connections.length === 0 ? (
        <Empty title="Nobody is connected.">
          {state.devices.length === 0
            ? "This user has never connected: what is sent waits for the first device."
            : "What is sent waits until a device comes back."}
        </Empty>
      ) : (
        <Connections connections={state.connections} />
      )}
    </section>
    <section aria-labelledby="devices">
      <h2 id="devices">Devices</h2>
      {state.devices.length === 0 ? (
        <Empty title="No devices.">
          Each device that has connected stands here, with its place in the user’s messages.
        </Empty>
      ) : (
        <Devices devices={state.devices} />
      )}
    </section>
    <Feed live={live} />
  </>
);

const Connections = ({ connections }: { readonly connections: readonly ConnectionReply[] }) => (
  <table>
    <Head
      columns={[
        "Device",
        "Connection",
        ["Opened", "time"],
        ["In flight", "count"],
        ["Acked", "seq wide"],
        ["Last ping", "time wide"],
        ["Token ends", "time wide"],
      ]}
    />
    <tbody>
      {connections.map((c) => (
        <tr key={c.connection_id}>
          <th scope="row" class="name">
            {c.device}
          </th>
          <td>
            <ConnectionId id={c.connection_id} />
          </td>
          <td class="time">
            <Ago at={c.opened_at} />
          </td>
          <td class="count" title={`${c.in_flight} of a window of ${c.window}`}>
            {c.in_flight}
            <span class="soft"> / {c.window}</span>
          </td>
          <td class="seq wide">
            {c.acked_seq === 0 ? "nothing yet" : c.acked_seq}
            {c.caught_up ? null : <span class="soft"> catching up</span>}
          </td>
          <td class="time wide">{c.pinged_at === undefined ? "never" : <Ago at={c.pinged_at} />}</td>
          <td class="time wide">
            <Ago at={c.token_expires_at} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

const Devices = ({ devices }: { readonly devices: readonly DeviceReply[] }) => (
  <table>
    <Head columns={["Device", ["Cursor", "seq"], ["Last seen", "time"], ["First seen", "time wide"]]} />
    <tbody>
      {devices.map((d) => (
        <tr key={d.device}>
          <th scope="row" class="name">
            <span class="state" data-is={d.connected ? "on" : "off"}>
              {d.device}
            </span>
          </th>
          <td class="seq">{d.cursor === 0 ? "the beginning" : d.cursor}</td>
          <td class="time">{d.connected ? "connected" : <Ago at={d.last_seen_at} />}</td>
          <td class="time wide">
            <Ago at={d.first_seen_at} />
          </td>
        </tr>
      ))}
    </tbody>
  </table>
);

const Feed = ({ live }: { readonly live: Live }) => {
  // What is being read does not move: the lines of then stay until it goes on.
  const [held, setHeld] = useState<readonly Line[]>();
  const shown = held ?? live.happenings;
  return (
    <section aria-labelledby="happens">
      <div class="section-head">
        <h2 id="happens">What happens</h2>
        <p class="state" data-is={live.isLive ? "on" : "off"} role="status">
          {live.isLive ? "live" : (live.failure?.detail ?? "connecting …")}
        </p>
        {live.happenings.length === 0 ? null : (
          <Button onPress={() => setHeld(held === undefined ? live.happenings : undefined)}>
            {held === undefined ? "Hold still" : "Go on"}
          </Button>
        )}
      </div>
      {shown.length === 0 ? (
        <Empty title="Nothing has happened since you came.">
          Messages that are accepted, sent, acked and ended, and connections that come and go. Looking changes nothing
          for the user.
        </Empty>
      ) : (
        <ol class="feed" aria-label="What happens, the newest first">
          {shown.map((line) => (
            <li key={line.line}>
              {"timestamp" in line ? <Clock at={line.timestamp} /> : <span />}
              <b data-is={line.type}>{line.type}</b>
              <span>
                <Words line={line} />
              </span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
};

const Words = ({ line }: { readonly line: Line }) => {
  switch (line.type) {
    case "accepted":
      return (
        <>
          <code>
            <Shown text={line.message_type} />
          </code>{" "}
          <Named line={line} />
          {line.topic === undefined ? null : (
            <span class="soft">
              {" "}
              topic <Shown text={line.topic} />
            </span>
          )}
        </>
      );
    case "sent":
      return (
        <>
          {counted(line.count, "message")} to <b>{line.device}</b>{" "}
          <span class="soft">
            up to {line.seq} on <ConnectionId id={line.connection_id} />
          </span>
        </>
      );
    case "acked":
      return (
        <>
          up to {line.seq} by <b>{line.device}</b>{" "}
          <span class="soft">
            {line.checkpoint === line.seq ? null : `checkpoint ${line.checkpoint} `}
            on <ConnectionId id={line.connection_id} />
          </span>
        </>
      );
    case "ended":
      return (
        <>
          as <b class={isLost(line.status) ? "failure" : ""}>{line.status}</b> <Named line={line} />
        </>
      );
    case "connected":
    case "disconnected":
      return (
        <>
          <b>{line.device}</b>
          {line.type === "connected" ? null : ` with ${line.code}`}{" "}
          <span class="soft">
            <ConnectionId id={line.connection_id} />
          </span>
        </>
      );
    case "skipped":
      return <>{counted(line.count, "event")}: more happened than could be shown</>;
    default:
      return <Later line={line} />;
  }
};

/** What a release after this one tells of is shown as it comes. */
const Later = ({ line }: { readonly line: object }) => {
  const shown = Object.entries(line).filter(([name]) => !["line", "type", "timestamp"].includes(name));
  return <Shown text={JSON.stringify(Object.fromEntries(shown))} />;
};

const Named = ({ line: { id, seq } }: { readonly line: Line & { readonly id: string; readonly seq: number } }) => (
  <span class="soft">
    <Shown text={id} />
    {id === `~${seq}` ? null : ` ${seq}`}
  </span>
);

const isLost = (status: MessageEnd): boolean =>
  status === "expired" || status === "rejected" || status === "undeliverable" || status === "dropped";
