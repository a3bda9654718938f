/** A message's data, as text: whatever it is, it is shown and never run. */
import { useState } from "preact/hooks";
import { counted } from "./amount.ts";
import { Button } from "./button.tsx";
import { Copy } from "./copy.tsx";
import { Shown } from "./shown.tsx";

/** A browser lays out so much at once without a pause. */
const AT_FIRST = 20_000;

export const Data = ({ data }: { readonly data: unknown }) => {
  const [isWhole, setIsWhole] = useState(false);
  if (data === undefined) return <p class="soft">It has no data.</p>;
  const text = JSON.stringify(data, undefined, 2);
  const isCut = text.length > AT_FIRST && !isWhole;
  return (
    <figure class="data">
      <figcaption>
        <span>Data</span>
        <Copy text={text} what="the data" />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and keys must reach it */}
      <pre tabIndex={0}>
        <Shown text={isCut ? text.slice(0, AT_FIRST) : text} hasLines />
        {isCut ? "…" : null}
      </pre>
      {isCut ? <Button onPress={() => setIsWhole(true)}>Show all {counted(text.length, "character")}</Button> : null}
    </figure>
  );
};
