/** A figure with its numbers, its chart, and what the chart's lines are. */
import { Chart, type Slots, slotAtCursor } from "./chart.tsx";
import type { Figure } from "./figures.ts";

export const FigureCard = ({ figure, slots }: { readonly figure: Figure; readonly slots: Slots }) => (
  <article class="card figure" id={figure.id} aria-labelledby={`${figure.id}-title`}>
    <h2 id={`${figure.id}-title`}>{figure.title}</h2>
    <p class={figure.headlines.length > 1 ? "headlines several" : "headlines"}>
      {figure.headlines.map(({ name, value }) => (
        <span key={name} class="headline">
          <b>{value}</b>
          {name === undefined ? null : <span class="soft"> {name}</span>}
        </span>
      ))}
    </p>
    <p class="note">{figure.note}</p>
    <Chart figure={figure} slots={slots} />
    <Legend figure={figure} />
  </article>
);

/** What each line is; under the cursor its value there. */
const Legend = ({ figure: { lines, drawing, family } }: { readonly figure: Figure }) => {
  const slot = slotAtCursor.value;
  return (
    <ul class="legend" aria-hidden="true">
      {lines.map(({ name, shade, values, whole, words }) => {
        const value = slot === null ? undefined : values[slot];
        const said = slot === null ? whole : value === null || value === undefined ? "–" : words(value);
        return (
          <li key={name}>
            <span class={`swatch ${drawing} ${family}-${shade}`} />
            {name} {said === undefined ? null : <b>{said}</b>}
          </li>
        );
      })}
    </ul>
  );
};
