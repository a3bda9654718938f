/** Every value that the charts show, for who reads them rather than looks, or takes them along. */
import type { Slots } from "./chart.tsx";
import type { Figure } from "./figures.ts";

export const NumbersTable = ({ figures, slots }: { readonly figures: readonly Figure[]; readonly slots: Slots }) => {
  const rows = slots.at.map((_, slot) => slot).reverse();
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard
    <section class="card numbers" tabIndex={0} aria-labelledby="numbers-caption">
      <table>
        <caption id="numbers-caption" class="sr-only">
          What the charts show, slot by slot, the newest first
        </caption>
        <thead>
          <tr>
            <th scope="col" rowSpan={2}>
              From
            </th>
            {figures.map(({ id, title, lines }) => (
              <th key={id} scope="colgroup" colSpan={lines.length}>
                {title}
              </th>
            ))}
          </tr>
          <tr>
            {figures.flatMap(({ id, lines }) =>
              lines.map(({ name }) => (
                <th key={`${id} ${name}`} scope="col">
                  {name}
                </th>
              )),
            )}
          </tr>
        </thead>
        <tbody>
          {rows.map((slot) => (
            <tr key={slots.at[slot]}>
              <th scope="row">{slots.words(slot)}</th>
              {figures.flatMap(({ id, lines }) =>
                lines.map(({ name, values, words }) => {
                  const value = values[slot];
                  return <td key={`${id} ${name}`}>{value === null || value === undefined ? "–" : words(value)}</td>;
                }),
              )}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
};
