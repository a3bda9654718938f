/** `node render.ts`: a server renders a component that uses an inbox, as it is before anything is connected, and ends. */
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { createStore, useInbox, useStatus } from "restante/react";

const store = createStore({
  url: "https://restante.example.com",
  token: "…",
  initial: 0,
  reduce: (count) => count + 1,
});
const Count = () => createElement("p", { title: useStatus(store).state }, useInbox(store));

console.log(renderToString(createElement(Count)));
