/** Sends one message as a backend does (S1), and shows what came of it. */
import { useState } from "preact/hooks";
import type { MessageReply } from "../../../protocol/replies.ts";
import { call, type Outcome, userPath } from "../api.ts";
import { Button } from "../parts/button.tsx";
import { InputField } from "../parts/input-field.tsx";
import { notAllowed } from "../session.ts";

export const SendTest = ({ user, onSent }: { readonly user: string; readonly onSent: () => void }) => {
  const [type, setType] = useState("console_test");
  const [data, setData] = useState("");
  const [wait, setWait] = useState("5");
  const [ttl, setTtl] = useState("");
  const [fault, setFault] = useState<string>();
  const [isSending, setIsSending] = useState(false);
  const [reply, setReply] = useState<Outcome<MessageReply>>();
  const why = notAllowed("send");
  const send = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (isSending || why !== undefined) return;
    let parsed: unknown;
    try {
      parsed = data.trim() === "" ? undefined : JSON.parse(data);
    } catch (error) {
      return setFault(`The data is no JSON: ${error instanceof Error ? error.message : error}`);
    }
    setFault(undefined);
    setReply(undefined);
    setIsSending(true);
    const body = {
      type,
      // Sent again by a hand that trembled, it is one message.
      id: crypto.randomUUID(),
      ...(parsed === undefined ? {} : { data: parsed }),
      ...(ttl === "" ? {} : { ttl: Number(ttl) }),
    };
    setReply(
      await call<MessageReply>(userPath(user, "/messages"), {
        method: "POST",
        body,
        ...(wait === "" ? {} : { wait: Number(wait) }),
      }),
    );
    setIsSending(false);
    onSent();
  };
  return (
    <section class="card" aria-labelledby="send">
      <h2 id="send">Send a test message</h2>
      <form onSubmit={send} class="fields-form">
        <InputField name="Type" value={type} onChange={setType} />
        <label>
          Data, JSON
          <textarea
            value={data}
            onInput={(event) => setData(event.currentTarget.value)}
            spellcheck={false}
            placeholder='{"run": 7}'
            aria-invalid={fault === undefined ? undefined : true}
            aria-describedby={fault === undefined ? undefined : "data-fault"}
          />
        </label>
        {fault === undefined ? null : (
          <p class="failure" id="data-fault" role="alert">
            {fault}
          </p>
        )}
        <div class="pair">
          <InputField
            name="Wait for its end, s"
            value={wait}
            onChange={setWait}
            is={{ type: "number", min: 0, max: 30, step: "any" }}
          />
          <InputField
            name="Time to live, s"
            value={ttl}
            onChange={setTtl}
            is={{ type: "number", min: 0, step: "any", placeholder: "default" }}
          />
        </div>
        <div class="actions">
          <Button kind="primary" submits why={why} isBusy={isSending}>
            {isSending ? "Sending …" : "Send"}
          </Button>
        </div>
      </form>
      <div role="status">{reply === undefined ? null : <Reply reply={reply} />}</div>
    </section>
  );
};

const Reply = ({ reply }: { readonly reply: Outcome<MessageReply> }) => {
  if (!reply.ok) return <p class="failure">{reply.detail}</p>;
  return (
    <>
      <p>
        <b>{reply.value.status}</b>: {words(reply.value)}
      </p>
      <pre>{JSON.stringify(reply.value, undefined, 2)}</pre>
    </>
  );
};

const words = ({ status, devices, sent_to }: MessageReply): string => {
  switch (status) {
    case "delivered":
      return "a client has processed it, and said so.";
    case "queued":
      if (devices === 0) return "it is stored. This user has never connected.";
      return sent_to === 0
        ? "it is stored, and nobody is connected."
        : "it is stored and sent, and nobody has acked it yet.";
    case "dropped":
      return "nobody was there to take it, and it was not to be stored.";
    default:
      return "that was its end.";
  }
};
