/** Mints a user token (U2). It is shown until one leaves, and never again. */
import { useState } from "preact/hooks";
import type { TokenReply } from "../../../protocol/replies.ts";
import { call, userPath } from "../api.ts";
import { Ago } from "../parts/ago.tsx";
import { Button } from "../parts/button.tsx";
import { Copy } from "../parts/copy.tsx";
import { InputField } from "../parts/input-field.tsx";
import { notify } from "../parts/notices.tsx";
import { notAllowed } from "../session.ts";

export const MintToken = ({ user }: { readonly user: string }) => {
  const [minutes, setMinutes] = useState("60");
  const [device, setDevice] = useState("");
  const [minted, setMinted] = useState<TokenReply>();
  const why = notAllowed("send");
  const mint = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (why !== undefined) return;
    const body = {
      ...(minutes === "" ? {} : { ttl: Number(minutes) * 60 }),
      ...(device === "" ? {} : { device }),
    };
    const reply = await call<TokenReply>(userPath(user, "/tokens"), { method: "POST", body });
    if (!reply.ok) return notify(reply.detail, "failed");
    setMinted(reply.value);
  };
  return (
    <section class="card" aria-labelledby="mint">
      <h2 id="mint">Mint a token</h2>
      <p class="soft">Whoever has it receives this user’s messages, until it ends or is revoked.</p>
      <form onSubmit={mint} class="fields-form">
        <div class="pair">
          <InputField
            name="Ends after, min"
            value={minutes}
            onChange={setMinutes}
            is={{ type: "number", min: 1, max: 1440 }}
          />
          <InputField name="Bound to the device" value={device} onChange={setDevice} is={{ placeholder: "any" }} />
        </div>
        <div class="actions">
          <Button kind="primary" submits why={why}>
            Mint
          </Button>
        </div>
      </form>
      <div role="status">
        {minted === undefined ? null : (
          <>
            <p>
              It is shown this once, and ends <Ago at={minted.expires_at} />.{" "}
              <Copy text={minted.token} what="the token" />
            </p>
            <pre>{minted.token}</pre>
          </>
        )}
      </div>
    </section>
  );
};
