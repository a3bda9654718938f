/** The operator's console. */
import { render } from "preact";
import { App } from "./app.tsx";
import { keepFocus } from "./parts/keep-focus.ts";

const place = document.getElementById("app");
keepFocus();
if (place !== null) render(<App />, place);
