// Data and model curves of one experiment as figures: one per unit, the same colours on every screen.

import type { ExperimentView, ObservationView, StudyFile, TimeView } from "../generated/api";
import { FEW, families, familyOf, sampled } from "../model/families";
import { withUnit } from "../model/format";
import { extent, take } from "../model/slices";
import type { Figure, Series } from "./plot/figure";

/** Curves of one experiment: values by observation (or state) at common times. */
export type Curves = { times: ArrayLike<number>; values: Record<string, ArrayLike<number>> };

/** Where an observation lies with some probability; the outer bands come first. */
export type Band = { observation: string; times: ArrayLike<number>; low: ArrayLike<number>; high: ArrayLike<number>; name: string; cover: number };

export type FitInput = {
  experiment: ExperimentView | null;
  block: Float64Array;
  curves: Curves | null;
  observations: ObservationView[];
  time: TimeView | null;
  /** How sure the curves are, when that has been asked. */
  bands?: Band[];
  /** The axis of time reaches at least here, so that nothing moves when the curve arrives. */
  until: number | null;
  /** Keeps zoom between redraws of the same thing. */
  view: string;
};

export type FitPanel = { title: string; figure: Figure };

export function timeTitle(time: TimeView | null): string {
  return withUnit(time?.name === "t" && time.unit ? time.unit : (time?.name ?? "t"), time?.name === "t" ? null : time?.unit);
}

/** One panel for each unit among the observations. */
export function fitPanels(input: FitInput): FitPanel[] {
  const measured = (o: ObservationView) => input.experiment?.series.some((s) => s.observation === o.name) ?? false;
  // Of a large array what was measured, else a few elements; never hundreds of curves.
  const shown = families(input.observations.filter((o) => has(input, o.name))).flatMap((f) => {
    if (f.items.length <= FEW) return f.items;
    const data = f.items.filter(measured);
    return data.length === 0 ? sampled(f.items) : data.length <= 2 * FEW ? data : sampled(data);
  });
  const units = [...new Set(shown.map((o) => o.unit ?? ""))];
  return units.map((unit) => {
    const members = shown.filter((o) => (o.unit ?? "") === unit);
    const names = members.map((o) => o.name);
    return { title: names.join(", "), figure: panel(input, names, unit) };
  });
}

function has({ experiment, curves }: FitInput, name: string): boolean {
  return (experiment?.series.some((s) => s.observation === name) ?? false) || name in (curves?.values ?? {});
}

function panel(input: FitInput, names: string[], unit: string): Figure {
  const { experiment, block, curves } = input;
  const series: Series[] = [];
  const ends = experiment ? extent(...experiment.series.map((s) => take(block, s.times))) : null;
  const heldFrom = experiment?.hold_out_from ?? null;
  const boundary = heldFrom ?? ends?.[1] ?? Infinity;
  for (const name of names) {
    const colour = input.observations.findIndex((o) => o.name === name);
    const values = curves?.values[name];
    for (const b of input.bands ?? []) if (b.observation === name) series.push(bandSeries(b, colour));
    if (curves && values) series.push(...solidThenDashed(name, curves.times, values, boundary, colour));
    const data = experiment?.series.find((s) => s.observation === name);
    if (!data) continue;
    const [x, y, held] = [take(block, data.times), take(block, data.values), take(block, data.held_out)];
    const limit = take(block, data.censored);
    const sides = [[0, undefined, ""], [-1, "below", ", below a limit"], [1, "above", ", above a limit"]] as const;
    for (const wanted of [false, true]) {
      for (const [side, beyond, words] of sides) {
        const at = [...x.keys()].filter((i) => (held[i] ?? 0) > 0 === wanted && (limit[i] ?? 0) === side);
        if (at.length === 0) continue;
        series.push({
          name: wanted ? `${name}${words}, held out` : words ? `${name}${words}` : values ? `${name}, data` : name,
          x: at.map((i) => x[i] as number),
          y: at.map((i) => y[i] as number),
          look: wanted ? "hollow" : "points",
          ...(beyond && { beyond }),
          colour,
          legend: beyond !== undefined || (!values && !wanted),
        });
      }
    }
  }
  const last = curves?.times[curves.times.length - 1];
  return {
    series,
    x: { title: timeTitle(input.time), range: timeRange(input, ends) },
    y: { title: names.length === 1 ? withUnit(names[0] as string, unit) : unit || [...new Set(names.map(familyOf))].join(", ") },
    regions: [
      ...(heldFrom !== null && ends ? [{ from: heldFrom, to: Math.max(ends[1], heldFrom), label: "held out", tone: "held-out" as const }] : []),
      ...(ends && last !== undefined && last > ends[1] ? [{ from: ends[1], to: last, label: "forecast", tone: "forecast" as const }] : []),
    ],
    marks: heldFrom !== null ? [{ x: heldFrom, label: "" }] : [],
    view: `${input.view}:${unit}`,
  };
}

/** The area of a band; where it has no limits, it has no area. */
export function bandSeries({ observation, times, low, high, name, cover }: Band, colour: number): Series {
  const at = Array.from(times, (_, i) => i).filter((i) => Number.isFinite(low[i]) && Number.isFinite(high[i]));
  const back = [...at].reverse();
  return {
    name: `${observation}, ${name}`,
    x: [...at, ...back].map((i) => times[i] as number),
    y: [...at.map((i) => high[i] as number), ...back.map((i) => low[i] as number)],
    look: "band",
    colour,
    cover,
    legend: false,
  };
}

/** All of the data, the curve and the forecast, with a little air. */
function timeRange({ curves, experiment, until }: FitInput, data: [number, number] | null): [number, number] | null {
  const all = extent(data ?? [], curves?.times ?? [], experiment ? [experiment.start] : [], until === null ? [] : [until]);
  if (!all || all[0] === all[1]) return null;
  const air = 0.02 * (all[1] - all[0]);
  return [all[0] - air, all[1] + air];
}

/** Where the forecast of a study ends: as set, else a quarter of the data's span beyond its end. */
export function forecastEnd(study: StudyFile | undefined, experiment: ExperimentView | null, block: Float64Array): number | null {
  if (study?.forecast.until != null) return study.forecast.until;
  const ends = experiment && extent(...experiment.series.map((s) => take(block, s.times)));
  return ends ? ends[1] + 0.25 * (ends[1] - ends[0]) : null;
}

/** The model where it was fitted is solid; where it predicts, dashed. */
function solidThenDashed(name: string, times: ArrayLike<number>, values: ArrayLike<number>, boundary: number, colour: number): Series[] {
  let cut = times.length;
  for (let i = 0; i < times.length; i++) {
    if ((times[i] as number) > boundary) {
      cut = i;
      break;
    }
  }
  const part = (from: number, to: number) => ({ x: Array.prototype.slice.call(times, from, to) as number[], y: Array.prototype.slice.call(values, from, to) as number[] });
  const result: Series[] = [{ name, ...part(0, cut), look: "line", colour }];
  if (cut < times.length) result.push({ name: `${name}, predicted`, ...part(Math.max(0, cut - 1), times.length), look: "line", colour, dash: true, legend: false });
  return result;
}
