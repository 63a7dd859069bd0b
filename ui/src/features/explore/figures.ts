// Figures of the Explore screen.

import type { ModelReport } from "../../generated/api";
import type { Trajectory } from "../../model/explore.svelte";
import { families, fewOfEach, indexOf } from "../../model/families";
import { extent } from "../../model/slices";
import type { Field, Window } from "../../model/field";
import { withUnit } from "../../model/format";
import type { Curves } from "../../shared/fit";
import type { Figure, Series } from "../../shared/plot/figure";
import { picture } from "../../shared/plot/heat";

/** Observation columns of a trajectory by name. */
export function curvesOf(trajectory: Trajectory | null): Curves | null {
  if (!trajectory) return null;
  const of = trajectory.columns.filter((c) => c.kind === "observation");
  return { times: trajectory.times, values: Object.fromEntries(of.map((c) => [c.name, c.values])) };
}

/** States over time, of an array a few, for models without observations or when asked for. */
export function statesFigure(trajectory: Trajectory, report: ModelReport, time: string): Figure {
  const shown = fewOfEach(trajectory.columns.filter((c) => c.kind === "state"));
  const x = trajectory.times;
  const series = shown.flatMap((c, i): Series[] => {
    const spread = trajectory.columns.find((s) => s.kind === "spread" && s.name === c.name)?.values;
    const edge = (sign: number): Series[] =>
      spread ? [{ name: c.name, x, y: c.values.map((v, k) => v + sign * (spread[k] ?? NaN)), look: "line", colour: i, width: 1, faint: true, legend: false }] : [];
    return [{ name: spread ? `${c.name}: mean and standard deviation` : c.name, x, y: c.values, look: "line", colour: i }, ...edge(1), ...edge(-1)];
  });
  return {
    series,
    marks: eventMarks(trajectory),
    x: { title: time },
    y: { title: report.states.length === 1 ? withUnit(report.states[0]?.name ?? "", report.states[0]?.unit) : "states" },
    view: "states",
  };
}

/** Beyond this many, upright lines are a wall. */
const MOST_MARKS = 24;

/** Where events happened; only a solution's end is worded. */
function eventMarks({ events }: Trajectory): Array<{ x: number; label: string }> {
  if (events.length > MOST_MARKS) return [];
  return events.map((e) => ({ x: e.t, label: e.stop ? "stopped" : "" }));
}

/** All elements of an array over time: space upward, time across, the value as colour. */
export function profileFigure(trajectory: Trajectory, report: ModelReport, family: string, time: string): Figure | null {
  const rows = families(trajectory.columns.filter((c) => c.kind === "state")).find((f) => f.name === family)?.items ?? [];
  const [first, last] = [rows[0], rows[rows.length - 1]];
  const range = extent(...rows.map((c) => c.values));
  const { times } = trajectory;
  const [start, end] = [times[0], times[times.length - 1]];
  if (!first || !last || !range || start === undefined || end === undefined) return null;
  // A pixel is centred on its time and element.
  const half = 0.5 * ((end - start) / Math.max(1, times.length - 1));
  const across: [number, number] = [start - half, end + half];
  const up: [number, number] = [indexOf(first.name) - 0.5, indexOf(last.name) + 0.5];
  const unit = report.states.find((s) => s.name === first.name)?.unit;
  return {
    series: [],
    picture: { source: picture(rows.map((c) => c.values), range[0], range[1]), x: across, y: up, name: withUnit(family, unit), range },
    x: { title: time, range: across },
    y: { title: `element of ${family}`, range: up, whole: true },
    view: `profile:${family}`,
  };
}

/** The part of the plane around an orbit, with air; null when there is none. */
export function phaseWindow(trajectory: Trajectory, across: string, up: string): Window | null {
  const around = (name: string): [number, number] | null => {
    const column = trajectory.columns.find((c) => c.kind === "state" && c.name === name);
    const found = column && extent(column.values);
    if (!found) return null;
    const air = 0.08 * (found[1] - found[0] || Math.abs(found[0]) || 1);
    return [found[0] - air, found[1] + air];
  };
  const [x, y] = [around(across), around(up)];
  return x && y && { x, y };
}

/** One state against another: the orbit, where it begins and where it is at the end. */
export function phaseFigure(trajectory: Trajectory, report: ModelReport, across: string, up: string, field: Field | null): Figure | null {
  const find = (name: string) => trajectory.columns.find((c) => c.kind === "state" && c.name === name);
  const [x, y] = [find(across), find(up)];
  if (!x || !y) return null;
  const title = (name: string) => withUnit(name, report.states.find((s) => s.name === name)?.unit);
  const end = x.values.length - 1;
  const at = (i: number) => ({ x: [x.values[i] ?? NaN], y: [y.values[i] ?? NaN] });
  return {
    series: [
      ...(field ? [{ name: "slopes", x: field.x, y: field.y, look: "line" as const, colour: "muted" as const, width: 1, faint: true }] : []),
      { name: "orbit", x: x.values, y: y.values, look: "line", colour: "accent" },
      { name: "start", ...at(0), look: "points", colour: "accent" },
      { name: "end", ...at(end), look: "hollow", colour: "accent" },
    ],
    x: { title: title(across), range: phaseWindow(trajectory, across, up)?.x ?? null },
    y: { title: title(up), range: phaseWindow(trajectory, across, up)?.y ?? null },
    plane: true,
    view: `phase:${across}:${up}`,
  };
}
