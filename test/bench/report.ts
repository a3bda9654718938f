/** The figures as a table in Markdown and a chart as SVG. */

export interface Row {
  /** Rows of one group stand together, under its name. */
  readonly group?: string;
  readonly name: string;
  readonly durable: string;
  /** Messages a second; undefined where it has nothing of the kind. */
  readonly perSecond: number | undefined;
  readonly p99Ms?: number;
  readonly cpuMs?: number;
  /** Of one processor. */
  readonly generator?: number;
}

export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly figure: string;
  /** Undefined where something else shows it. */
  readonly isMet: boolean | undefined;
}

const isKnown = (n: number | undefined): n is number => n !== undefined && !Number.isNaN(n);
const whole = (n: number | undefined): string => (isKnown(n) ? Math.round(n).toLocaleString("en-US") : "–");
const ms = (n: number | undefined): string => (isKnown(n) ? n.toFixed(n < 10 ? 2 : 0) : "–");
const part = (n: number | undefined): string => (isKnown(n) ? n.toFixed(2) : "–");
/** Whether a row is the first of its group. */
const begins = (rows: readonly Row[], at: number): boolean =>
  rows[at]?.group !== undefined && rows[at]?.group !== rows[at - 1]?.group;

export const tableOf = (rows: readonly Row[], floor: number): string =>
  [
    "| | durable before the reply | messages /s | of the floor | p99 reply ms | CPU ms for 10,000 | generator |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...rows.flatMap(({ group, name, durable, perSecond, p99Ms, cpuMs, generator }, at) => {
      const ratio = isKnown(perSecond) ? part(perSecond / floor) : "–";
      const figures = [whole(perSecond), ratio, ms(p99Ms), whole(cpuMs), part(generator)];
      const row = `| ${name} | ${durable} | ${figures.join(" | ")} |`;
      return begins(rows, at) ? [`| **${group}** | | | | | | |`, row] : [row];
    }),
  ].join("\n");

export const targetsOf = (targets: readonly Target[]): string =>
  [
    "| what it must show | wanted | measured | |",
    "| --- | --- | --- | --- |",
    ...targets.map(({ what, wanted, figure, isMet }) => {
      return `| ${what} | ${wanted} | ${figure} | ${isMet === undefined ? "" : isMet ? "met" : "**not met**"} |`;
    }),
  ].join("\n");

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");

const WIDTH = 860;
/** Names stand before their bars, a line each. */
const NAMES = 340;
const FIGURES = 80;
const BAR_HEIGHT = 14;
const STEP = 22;
const GROUP_STEP = 48;
const TOP = 88;

/** Horizontal bars on a logarithmic scale, in groups; its colours suit a light and a dark page. */
export const chartOf = (title: string, subtitle: string, versions: string, rows: readonly Row[]): string => {
  const shown = rows.filter((row): row is Row & { readonly perSecond: number } => isKnown(row.perSecond));
  const most = Math.max(...shown.map(({ perSecond }) => perSecond));
  const least = Math.min(...shown.map(({ perSecond }) => perSecond)) / 3;
  const widthOf = (perSecond: number): number =>
    (Math.log(perSecond / least) / Math.log(most / least)) * (WIDTH - NAMES - FIGURES);
  let y = TOP;
  const bars = shown.map(({ group, name, durable, perSecond }, at) => {
    const isFirst = begins(shown, at);
    y += isFirst ? GROUP_STEP : STEP;
    const heading = isFirst ? `  <text class="group" x="12" y="${y - STEP}">${escaped(group ?? "")}</text>\n` : "";
    const kind = durable.startsWith("no") ? "volatile" : "durable";
    const width = widthOf(perSecond).toFixed(1);
    return `${heading}  <text x="${NAMES - 8}" y="${y}" text-anchor="end">${escaped(name)}</text>
  <rect class="${kind}" x="${NAMES}" y="${y - BAR_HEIGHT + 3}" width="${width}" height="${BAR_HEIGHT}" rx="2"/>
  <text class="figure" x="${(NAMES + 6 + Number(width)).toFixed(1)}" y="${y}">${whole(perSecond)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + STEP}" role="img" aria-label="${escaped(title)}">
  <style>
    text { font: 12px system-ui, sans-serif; fill: #24292f; }
    .title { font-size: 16px; font-weight: 600; }
    .group { font-weight: 600; }
    .note, .figure { fill: #57606a; }
    .durable { fill: #1a7f64; }
    .volatile { fill: #8c959f; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .note, .figure { fill: #9198a1; }
      .durable { fill: #3fb68f; }
      .volatile { fill: #6e7681; }
    }
  </style>
  <text class="title" x="12" y="22">${escaped(title)}</text>
  <text class="note" x="12" y="42">${escaped(subtitle)}</text>
  <text class="note" x="12" y="60">${escaped(versions)}</text>
  <rect class="durable" x="12" y="${TOP - 16}" width="10" height="10" rx="2"/>
  <text class="note" x="28" y="${TOP - 7}">on the disk, or delivered, before the reply</text>
  <rect class="volatile" x="290" y="${TOP - 16}" width="10" height="10" rx="2"/>
  <text class="note" x="306" y="${TOP - 7}">neither</text>
${bars.join("\n")}
</svg>
`;
};
