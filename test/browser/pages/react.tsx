/** A React app as its developer has it: one store outside of components, StrictMode, several components on it. */
import { StrictMode, useEffect } from "react";
import { createRoot, type Root } from "react-dom/client";
import { createStore, useInbox, useStatus } from "../../../src/client/react.ts";
import { fetchToken, settings, shown, tell } from "./tell.ts";

const store = createStore({
  url: settings.url,
  token: fetchToken,
  initial: [] as readonly string[],
  reduce: (ids, { seq, id, type }) => {
    tell({ kind: "message", seq, id, type });
    return [...ids, id];
  },
  onGap: ({ seq }) => tell({ kind: "gap", seq }),
});

const Messages = () => (
  <ol>
    {useInbox(store).map((id) => (
      <li key={id}>{id}</li>
    ))}
  </ol>
);

const Count = () => <output>{useInbox(store, (ids) => ids.length)}</output>;

const State = () => {
  const status = useStatus(store);
  useEffect(() => tell({ kind: "status", status: shown(status) }), [status]);
  return <p>{status.state}</p>;
};

let root: Root | undefined;
const mount = (): void => {
  root = createRoot(document.getElementById("app") as HTMLElement);
  root.render(
    <StrictMode>
      <State />
      <Count />
      <Messages />
    </StrictMode>,
  );
};
const unmount = (): void => root?.unmount();
mount();

Object.assign(window, { mount, unmount });
