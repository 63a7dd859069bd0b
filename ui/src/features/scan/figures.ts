// Pictures of many trajectories.

import type { ModelReport, ScanAxis, ScanColumn, ScanQuantity } from "../../generated/api";
import { withUnit } from "../../model/format";
import type { Scanned } from "../../model/scan.svelte";
import { extent, take } from "../../model/slices";
import { bandSeries, timeTitle } from "../../shared/fit";
import type { Axis, Figure, Series } from "../../shared/plot/figure";
import { picture } from "../../shared/plot/heat";

export type Picture = "bands" | "map" | "ends";
export type Measure = "last" | "least" | "greatest";
export const MEASURES: Array<{ id: Measure; label: string }> = [
  { id: "last", label: "at the end" },
  { id: "least", label: "at its least" },
  { id: "greatest", label: "at its greatest" },
];

/** Curves behind bands; more are a fog. */
const FEW_CURVES = 24;
/** Points that are drawn one by one. */
const MOST_POINTS = 4000;

/** Pictures that show something of what was asked, the best first. */
export function pictures({ way, axes }: Scanned): Picture[] {
  if (way === "grid") return axes.length === 2 ? ["map", "bands"] : ["map", "ends", "bands"];
  return ["bands", "ends"];
}

/** Unit of a parameter, state, named expression or observation. */
function unitOf(report: ModelReport, name: string): string | null {
  return [...report.parameters, ...report.states, ...report.observations].find((x) => x.name === name)?.unit ?? null;
}

/** What is measured, as the title of an axis. */
const quantityTitle = (report: ModelReport, quantity: ScanQuantity) => withUnit(quantity.name, unitOf(report, quantity.name));

/** A scanned name; an initial value is said to be one. */
export function pointTitle(report: ModelReport, { name, initial }: Pick<ScanColumn, "name" | "initial">): string {
  return withUnit(initial ? `${name} at the start` : name, unitOf(report, name));
}

/** The share of trajectories below, over time; a few of them behind. */
export function bandsFigure({ overview, block }: Scanned, report: ModelReport, quantity: ScanQuantity): Figure {
  const times = take(block, overview.times);
  const q = quantity.quantiles.map((s) => take(block, s)) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  const band = (low: Float64Array, high: Float64Array, name: string, cover: number): Series => ({
    ...bandSeries({ observation: quantity.name, times, low, high, name, cover }, 0), legend: true,
  });
  const curves = take(block, quantity.curves);
  const every = Math.ceil(overview.shown.length / FEW_CURVES);
  const faint = overview.shown.flatMap((_, i): Series[] =>
    i % every === 0 ? [{ name: "", x: times, y: curves.subarray(i * times.length, (i + 1) * times.length), look: "line", colour: "muted", width: 1, faint: true, legend: false }] : [],
  );
  return {
    series: [
      ...faint,
      band(q[0], q[4], "90 % of trajectories", 0.16),
      band(q[1], q[3], "50 % of trajectories", 0.3),
      { name: `median of ${quantity.name}`, x: times, y: q[2], look: "line", colour: 0 },
    ],
    x: { title: timeTitle(report.time) },
    y: { title: quantityTitle(report, quantity) },
    view: `bands:${quantity.name}`,
  };
}

/** Where pixels of equally spaced values (or ratios) begin and end. */
function edges(from: number, to: number, count: number, log: boolean): [number, number] {
  const half = 0.5 / Math.max(1, count - 1);
  if (log) {
    const step = (to / from) ** half;
    return [from / step, to * step];
  }
  return [from - half * (to - from), to + half * (to - from)];
}

const axisOf = (report: ModelReport, overview: Scanned["overview"], axis: ScanAxis): Axis => {
  const column = overview.points.find((p) => p.name === axis.name) ?? { name: axis.name, initial: false };
  return { title: pointTitle(report, column), log: axis.log, range: ordered(edges(axis.from, axis.to, axis.count, axis.log)) };
};

const ordered = ([a, b]: [number, number]): [number, number] => (a <= b ? [a, b] : [b, a]);
/** Rows of a picture go upward: from the lowest value. */
const upward = <T>(rows: T[], falls: boolean): T[] => (falls ? [...rows].reverse() : rows);

/** Colour over two parameters, or over time and one; null where there is nothing to show. */
export function mapFigure(scanned: Scanned, report: ModelReport, quantity: ScanQuantity, measure: Measure): Figure | null {
  const { overview, block, axes } = scanned;
  const [first, second] = axes;
  if (!first) return null;
  const title = quantityTitle(report, quantity);
  if (second) {
    const values = take(block, quantity[measure]);
    const across = Array.from({ length: first.count }, (_, i) => i);
    const columns = first.from > first.to ? across.reverse() : across;
    const rows = Array.from({ length: second.count }, (_, j) => columns.map((i) => values[i * second.count + j] ?? NaN));
    const words = MEASURES.find((m) => m.id === measure)?.label ?? "";
    return heatFigure(upward(rows, second.from > second.to), `${title} ${words}`, axisOf(report, overview, first), axisOf(report, overview, second), pointsOf(scanned, values));
  }
  const times = take(block, overview.times);
  const [start, end] = [times[0], times[times.length - 1]];
  if (start === undefined || end === undefined || start === end) return null;
  const curves = take(block, quantity.curves);
  const rows = overview.shown.map((_, i) => curves.subarray(i * times.length, (i + 1) * times.length));
  const up = { ...axisOf(report, overview, { ...first, count: rows.length }) };
  return heatFigure(upward(rows, first.from > first.to), title, { title: timeTitle(report.time), range: ordered(edges(start, end, times.length, false)) }, up, null);
}

/** Under the pointer: places and values, where they are few enough. */
function pointsOf({ overview, block }: Scanned, values: Float64Array): Series | null {
  const [x, y] = overview.points.map((p) => take(block, p.values));
  if (!x || !y || values.length > MOST_POINTS) return null;
  return { name: "", x, y, values, look: "unseen", colour: "text", legend: false };
}

function heatFigure(rows: Array<ArrayLike<number>>, name: string, x: Axis, y: Axis, points: Series | null): Figure | null {
  const range = extent(...rows);
  if (!range || !x.range || !y.range) return null;
  return {
    series: points ? [points] : [],
    picture: { source: picture(rows, range[0], range[1]), x: x.range, y: y.range, name, range },
    x,
    y,
    plane: true,
    view: `map:${x.title}:${y.title}`,
  };
}

/** What came of each trajectory over one of its own values. */
export function endsFigure({ overview, block, way, axes }: Scanned, report: ModelReport, quantity: ScanQuantity, over: string): Figure | null {
  const point = overview.points.find((p) => p.name === over) ?? overview.points[0];
  if (!point) return null;
  const values = take(block, point.values);
  const every = Math.ceil(values.length / MOST_POINTS);
  const some = (all: Float64Array) => (every > 1 ? all.filter((_, i) => i % every === 0) : all);
  const x = some(values);
  const line = way === "grid";
  const of = (measure: Measure, words: string, faint: boolean): Series => ({
    name: `${quantity.name} ${words}`, x, y: some(take(block, quantity[measure])), look: line ? "line" : x.length > 400 ? "dots" : "points", colour: faint ? "muted" : 0, width: faint ? 1 : 2,
  });
  return {
    series: [...(line ? [of("least", "at its least", true), of("greatest", "at its greatest", true)] : []), of("last", "at the end", false)],
    x: { title: pointTitle(report, point), log: axes.find((a) => a.name === point.name)?.log ?? false },
    y: { title: quantityTitle(report, quantity) },
    plane: !line,
    view: `ends:${point.name}:${quantity.name}`,
  };
}
