/** One figure's lines over time, drawn by uPlot. The cursor is at the same instant in all of them. */
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import type { Range } from "../../../protocol/monitor-api.ts";
import type { Figure, Shade, Values } from "./figures.ts";
import { instants, type Scale } from "./scales.ts";
import type { Clock } from "./units.ts";

/** Which slot the cursor is at, in every chart; null where it is in none. */
export const slotAtCursor = signal<number | null>(null);

/** The slots that all charts of one reply have in common. */
export interface Slots {
  readonly range: Range;
  /** Their beginnings, in Unix seconds, as uPlot has them. */
  readonly at: readonly number[];
  readonly endsAt: number;
  /** An instant of one in words. */
  readonly words: (slot: number) => string;
  readonly clock: Clock;
}

const HEIGHT_PX = 112;
const Y_AXIS_PX = 52;
/** Between labels of the time axis, and how much of one is to each side of its instant. */
const LABEL_PX = 52;
const HALF_LABEL_PX = 20;
const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';

interface ChartProps {
  readonly figure: Figure;
  readonly slots: Slots;
}

export const Chart = (props: ChartProps) => {
  const { figure, slots } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  // uPlot asks for scales and labels as it draws: they are those of the last reply.
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const { current: element } = place;
    if (element === null) return;
    const made = new uPlot(
      optionsOf(element, () => latest.current),
      dataOf(latest.current),
      element,
    );
    plot.current = made;
    const sized = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry?.contentRect.width ?? 0);
      if (width > 0 && width !== made.width) made.setSize({ width, height: HEIGHT_PX });
    });
    sized.observe(element);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const redraw = () => made.redraw(false);
    dark.addEventListener("change", redraw);
    return () => {
      sized.disconnect();
      dark.removeEventListener("change", redraw);
      made.destroy();
      plot.current = undefined;
    };
  }, []);

  useEffect(() => plot.current?.setData(dataOf({ figure, slots })), [figure, slots]);
  return <div class="plot" ref={place} role="img" aria-label={spoken(figure)} />;
};

/** For who does not see it: what it is of, and its numbers. Each value stands in the table. */
const spoken = ({ title, headlines, note }: Figure): string =>
  `Chart: ${title}. ${headlines.map(({ name = "", value }) => `${name} ${value}`.trim()).join(", ")}, ${note}.`;

/** What is drawn; of bars upon each other the whole first, and over it what is less. */
const dataOf = ({ figure: { drawing, lines }, slots }: ChartProps): uPlot.AlignedData => {
  const values = lines.map((line) => line.values);
  const drawn = drawing === "bars" ? values.map((_, n) => sumsOf(values.slice(0, n + 1))).reverse() : values;
  return [slots.at, ...drawn] as uPlot.AlignedData;
};

const sumsOf = (values: readonly Values[]): Values =>
  (values[0] ?? []).map((_, slot) => values.reduce((sum, line) => sum + (line[slot] ?? 0), 0));

const optionsOf = (element: HTMLElement, props: () => ChartProps): uPlot.Options => {
  const { family, drawing, axis } = props().figure;
  // Asked anew each time it draws: the colour scheme may have changed.
  const styles = getComputedStyle(element);
  const colour = (name: string) => () => styles.getPropertyValue(`--${name}`).trim();
  const scaleOf = (): Scale => {
    const [, ...drawn] = dataOf(props());
    return props().figure.axis.scale(Math.max(0, ...(drawn as Values[]).flat().map((value) => value ?? 0)));
  };
  // A label at the very end would be cut, and one at the beginning meets that of the other axis.
  const seconds = (u: uPlot) => {
    const { min = 0, max = 0 } = u.scales.x ?? {};
    const margin = (HALF_LABEL_PX * (max - min)) / Math.max(1, u.over.clientWidth);
    const most = Math.floor(u.over.clientWidth / LABEL_PX);
    return instants(props().slots.range, (min + margin) * 1_000, (max - margin) * 1_000, most).map((ms) => ms / 1_000);
  };
  const axes = { stroke: colour("soft"), font: FONT, ticks: { show: false } };
  return {
    width: element.clientWidth,
    height: HEIGHT_PX,
    padding: [8, 4, 0, 0],
    legend: { show: false },
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { show: drawing !== "bars", size: 6 },
      sync: { key: "slots" },
    },
    scales: {
      x: {
        range: () => {
          const { at, endsAt } = props().slots;
          return [at[0] ?? 0, endsAt];
        },
      },
      y: {
        ...(axis.isLog === true ? { distr: 3, log: 10 } : {}),
        range: () => {
          const { bottom, top } = scaleOf();
          return [bottom, top];
        },
      },
    },
    axes: [
      {
        ...axes,
        ...{ size: 22, gap: 5, grid: { show: false } },
        splits: seconds,
        values: (_, splits) => {
          const { range, clock } = props().slots;
          return splits.map((at) => (range === "7d" ? clock.day(at * 1_000) : clock.minute(at * 1_000)));
        },
      },
      {
        ...axes,
        ...{ size: Y_AXIS_PX, gap: 6, grid: { stroke: colour("line"), width: 1 } },
        splits: () => [...scaleOf().ticks],
        // uPlot leaves out what is no power of ten.
        filter: (_, splits) => splits,
        values: (_, splits) => splits.map((value) => (value === 0 ? "0" : props().figure.axis.words(value))),
      },
    ],
    series: [{}, ...seriesOf(props().figure, colour)],
    ...(drawing === "percentiles" ? { bands: [{ series: [3, 1], fill: colour(`${family}-wash`) }] } : {}),
    plugins: [cursorTime(props)],
  };
};

type Colour = (name: string) => () => string;

/** By shade: told apart by the line itself, too. */
const STROKES: Readonly<Record<Shade, Pick<uPlot.Series, "width" | "dash">>> = {
  1: { width: 1.75 },
  2: { width: 1.25 },
  3: { width: 1, dash: [4, 3] },
};

const seriesOf = ({ drawing, family, lines }: Figure, colour: Colour): uPlot.Series[] => {
  if (drawing !== "bars") {
    return lines.map(({ shade }, n) => {
      const stroke = colour(`${family}-${shade}`);
      const area = drawing === "area" && n === 0 ? { fill: colour(`${family}-wash`) } : {};
      return {
        stroke,
        ...STROKES[shade],
        ...area,
        points: { show: true, size: 4, width: 0, fill: stroke, filter: alone },
      };
    });
  }
  const paths = uPlot.paths.bars?.({ size: [0.8, 14], align: 1 });
  return lines
    .map(({ shade }) => ({ width: 0, fill: colour(`${family}-${shade}`), points: { show: false } }))
    .map((series) => (paths === undefined ? series : { ...series, paths }))
    .reverse();
};
/** A value with a gap on both sides has no line: it is a point. */
const alone: uPlot.Series.Points.Filter = (u, series) => {
  const values = u.data[series] ?? [];
  const isGap = (at: number) => values[at] === null || values[at] === undefined;
  const indices: number[] = [];
  for (let at = 0; at < values.length; at += 1) if (!isGap(at) && isGap(at - 1) && isGap(at + 1)) indices.push(at);
  return indices;
};

/** The instant of the cursor, at its line. */
const cursorTime = (props: () => ChartProps): uPlot.Plugin => {
  const label = document.createElement("div");
  label.className = "cursor-time";
  label.hidden = true;
  return {
    hooks: {
      init: (u) => u.over.append(label),
      setCursor: (u) => {
        const slot = u.cursor.idx ?? null;
        const left = u.cursor.left ?? -1;
        const isAt = slot !== null && left >= 0;
        slotAtCursor.value = isAt ? slot : null;
        label.hidden = !isAt;
        if (!isAt) return;
        label.textContent = props().slots.words(slot);
        const room = u.over.clientWidth - label.offsetWidth;
        label.style.transform = `translateX(${Math.max(0, Math.min(room, left - label.offsetWidth / 2))}px)`;
      },
    },
  };
};
