/** Asks for the key, once. */
import { useEffect, useRef, useState } from "preact/hooks";
import type { KeyReply } from "../../protocol/replies.ts";
import { call } from "./api.ts";
import { Button } from "./parts/button.tsx";
import { endedBecause, session } from "./session.ts";

export const KeyScreen = () => {
  const field = useRef<HTMLInputElement>(null);
  const [failure, setFailure] = useState(endedBecause.value);
  const [isAsking, setIsAsking] = useState(false);
  useEffect(() => field.current?.focus(), []);
  const enter = async (event: Event): Promise<void> => {
    event.preventDefault();
    const key = field.current?.value.trim() ?? "";
    if (key === "" || isAsking) return;
    // What no header can carry is no key.
    if (!/^[\x21-\x7e]+$/.test(key)) return setFailure("A key has printable ASCII characters alone, without spaces.");
    setIsAsking(true);
    const refusal = await refusalOf(key);
    setIsAsking(false);
    setFailure(refusal);
  };
  return (
    <main class="key-screen" id="main">
      <h1>
        <img src="/console/icon.svg" alt="" width="36" height="36" />
        Restante console
      </h1>
      <form onSubmit={enter} class="card">
        <label for="key">API key</label>
        <input
          ref={field}
          id="key"
          type="password"
          autocomplete="off"
          spellcheck={false}
          aria-describedby={failure === undefined ? "key-note" : "key-failure key-note"}
          aria-invalid={failure === undefined ? undefined : true}
        />
        {failure === undefined ? null : (
          <p class="failure" id="key-failure" role="alert">
            {failure}
          </p>
        )}
        <Button kind="primary" isBusy={isAsking} submits>
          Open the console
        </Button>
        <p class="soft" id="key-note">
          It stays in this tab until you close it or choose “Forget key”, and goes to this service alone. It needs the
          scope <code>monitor</code> to look, <code>manage</code> to requeue, delete, revoke and erase, and{" "}
          <code>send</code> to send a test message and mint tokens.
        </p>
      </form>
      <section class="how-to" aria-labelledby="how-to">
        <h2 id="how-to">No key yet?</h2>
        <p>
          On your own machine, <code>npm start</code> has made one: it is <code>RESTANTE_API_KEY</code> in{" "}
          <code>.dev.vars</code>.
        </p>
        <p>For a deployment, make one for yourself, so that it can be revoked alone; it is shown once:</p>
        <pre>npm run key -- OPS --scopes monitor,manage,send --env production</pre>
      </section>
    </main>
  );
};

/** Asks the service what this key is, and begins with one that can look; else why not. */
const refusalOf = async (key: string): Promise<string | undefined> => {
  const known = await call<KeyReply>("/v1/key", { key });
  if (!known.ok) return known.detail;
  const { name, scopes } = known.value;
  if (!scopes.includes("monitor")) return `This key has ${scopes.join(", ")}; the console needs monitor to look.`;
  session.begin({ key, name, scopes });
  return undefined;
};
