/** The figures as a table in Markdown and a chart as SVG. */

export interface Row {
  readonly name: string;
  readonly durable: string;
  /** Messages a second; undefined where it has nothing of the kind. */
  readonly perSecond: number | undefined;
  readonly p99Ms?: number;
  readonly cpuMs?: number;
}

export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly figure: string;
  /** Undefined where something else shows it. */
  readonly isMet: boolean | undefined;
}

const whole = (n: number | undefined): string => (n === undefined ? "–" : Math.round(n).toLocaleString("en-US"));
const ms = (n: number | undefined): string => (n === undefined ? "–" : n.toFixed(n < 10 ? 2 : 0));

export const tableOf = (rows: readonly Row[], floor: number): string =>
  [
    "| | durable before the reply | messages /s | of the floor | p99 reply ms | CPU ms for 10,000 |",
    "| --- | --- | --- | --- | --- | --- |",
    ...rows.map(({ name, durable, perSecond, p99Ms, cpuMs }) => {
      const ratio = perSecond === undefined ? "–" : (perSecond / floor).toFixed(2);
      return `| ${name} | ${durable} | ${whole(perSecond)} | ${ratio} | ${ms(p99Ms)} | ${whole(cpuMs)} |`;
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

const WIDTH = 760;
const BAR_HEIGHT = 18;
const STEP = 44;
const TOP = 64;

/** Horizontal bars on a logarithmic scale; its colours suit a light and a dark page. */
export const chartOf = (title: string, subtitle: string, rows: readonly Row[]): string => {
  const shown = rows.filter((row): row is Row & { readonly perSecond: number } => row.perSecond !== undefined);
  const most = Math.max(...shown.map(({ perSecond }) => perSecond));
  const least = Math.min(...shown.map(({ perSecond }) => perSecond)) / 3;
  const widthOf = (perSecond: number): number => (Math.log(perSecond / least) / Math.log(most / least)) * (WIDTH - 130);
  const bars = shown.map(({ name, durable, perSecond }, at) => {
    const y = TOP + at * STEP;
    const kind = durable === "no" ? "volatile" : "durable";
    const width = widthOf(perSecond).toFixed(1);
    return `  <text x="12" y="${y}">${escaped(name)}</text>
  <rect class="${kind}" x="12" y="${y + 6}" width="${width}" height="${BAR_HEIGHT}" rx="3"/>
  <text class="figure" x="${(18 + Number(width)).toFixed(1)}" y="${y + 20}">${whole(perSecond)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${TOP + shown.length * STEP}" role="img" aria-label="${escaped(title)}">
  <style>
    text { font: 13px system-ui, sans-serif; fill: #24292f; }
    .title { font-size: 16px; font-weight: 600; }
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
${bars.join("\n")}
</svg>
`;
};
