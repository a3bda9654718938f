/** What can be done to a user: a test message, a token, a revocation, an erasure. */
import { useState } from "preact/hooks";
import { call, userPath } from "../api.ts";
import { Button } from "../parts/button.tsx";
import { Confirm } from "../parts/dialog.tsx";
import { tell } from "../parts/notices.tsx";
import { Shown } from "../parts/shown.tsx";
import { notAllowed } from "../session.ts";
import { MintToken } from "./mint-token.tsx";
import { SendTest } from "./send-test.tsx";

interface ActionsProps {
  readonly user: string;
  readonly onChange: () => void;
}

export const Actions = ({ user, onChange }: ActionsProps) => {
  const [asked, setAsked] = useState<"revoke" | "erase">();
  const why = notAllowed("manage");
  const act = async (path: string, said: string): Promise<void> => {
    tell(await call(userPath(user, path), { method: "DELETE" }), () => said);
    onChange();
  };
  return (
    <div class="acts">
      <SendTest user={user} onSent={onChange} />
      <MintToken user={user} />
      <section class="card" aria-labelledby="revoke">
        <h2 id="revoke">Revoke tokens</h2>
        <p class="soft">
          All tokens of this user that were issued until now are over, and connections that stand on them are closed.
          Messages stay.
        </p>
        <div class="actions">
          <Button kind="danger" why={why} onPress={() => setAsked("revoke")}>
            Revoke …
          </Button>
        </div>
      </section>
      <section class="card" aria-labelledby="erase">
        <h2 id="erase">Erase the user</h2>
        <p class="soft">
          Revokes, and then erases everything about this user: messages, dead letters, devices. It cannot be undone.
        </p>
        <div class="actions">
          <Button kind="danger" why={why} onPress={() => setAsked("erase")}>
            Erase …
          </Button>
        </div>
      </section>
      {asked === "revoke" ? (
        <Confirm
          title="Revoke all tokens?"
          act="Revoke"
          onConfirm={() => act("/tokens", "All tokens until now are over, and connections on them are closed.")}
          onClose={() => setAsked(undefined)}
        >
          <p>
            <Shown text={user} /> is shut out until your backend gives out a new token.
          </p>
        </Confirm>
      ) : null}
      {asked === "erase" ? (
        <Confirm
          title="Erase this user?"
          act="Erase for good"
          typed={user}
          onConfirm={() => act("", "The user is erased: nothing of them is left but the instant of the revocation.")}
          onClose={() => setAsked(undefined)}
        >
          <p>Everything about them is gone for good:</p>
          <p class="quoted">
            <Shown text={user} />
          </p>
        </Confirm>
      ) : null}
    </div>
  );
};
