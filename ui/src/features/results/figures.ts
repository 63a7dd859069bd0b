// Figures of one run.

import type { RunView } from "../../generated/api";
import { take } from "../../model/slices";
import { timeTitle, type Curves } from "../../shared/fit";
import type { Figure } from "../../shared/plot/figure";
import type { TimeView } from "../../generated/api";

/** Model curves of an experiment of the run. */
export function curvesOfRun(run: RunView, block: Float64Array, index: number): Curves | null {
  const name = run.experiments[index]?.name;
  const found = run.curves.find((c) => c.experiment === name) ?? run.curves[index];
  if (!found) return null;
  return { times: take(block, found.times), values: Object.fromEntries(found.observations.map((o) => [o.name, take(block, o.values)])) };
}

/** Where trainings from several places began and ended, sorted by the end: a waterfall. */
export function waterfallFigure(run: RunView, block: Float64Array): Figure | null {
  const { starts } = run;
  if (!starts) return null;
  const points = (slice: typeof starts.losses) => {
    const values = take(block, slice);
    const at = [...values.keys()].filter((i) => Number.isFinite(values[i]));
    return { x: at.map((i) => i + 1), y: at.map((i) => values[i] as number) };
  };
  const [began, ended] = [points(starts.first), points(starts.losses)];
  const log = [...began.y, ...ended.y].every((v) => v > 0);
  return {
    series: [
      { name: "where it began", ...began, look: "hollow", colour: "muted" },
      { name: "where it ended", ...ended, look: "points", colour: "accent" },
    ],
    x: { title: "start, sorted by its result", whole: true },
    y: { title: log ? "loss, log scale" : "loss", log },
    view: `starts:${run.summary.id}`,
  };
}

/** What the waterfall says, in a sentence. */
export function waterfallWords(run: RunView): string {
  const { starts } = run;
  if (!starts) return "";
  const { reached, losses } = starts;
  const said = `${reached} of ${losses.len} starts came to the best loss.`;
  return reached > 1 ? `${said} It was found more than once, so a better one nearby is unlikely.` : `${said} Another start may find a better one: more of them would tell.`;
}

/** Value between the points of a curve; NaN outside it. `times` ascend. */
export function interpolate(times: ArrayLike<number>, values: ArrayLike<number>, t: number): number {
  const n = times.length;
  if (n === 0 || t < (times[0] as number) || t > (times[n - 1] as number)) return NaN;
  let [low, high] = [0, n - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((times[middle] as number) <= t) low = middle;
    else high = middle;
  }
  const [t0, t1] = [times[low] as number, times[high] as number];
  const share = t1 > t0 ? (t - t0) / (t1 - t0) : 0;
  return (values[low] as number) * (1 - share) + (values[high] as number) * share;
}

/**
 * Data minus model over time. Where the noise is log-normal the residual is of the logarithms:
 * that is what the fit made small.
 */
export function residualFigure(run: RunView, block: Float64Array, index: number, noise: Record<string, string>, time: TimeView | null): Figure | null {
  const experiment = run.experiments[index];
  const curves = curvesOfRun(run, block, index);
  if (!experiment || !curves) return null;
  const logs = experiment.series.map((s) => /log-?normal/.test(noise[s.observation] ?? ""));
  const series = experiment.series.flatMap((s, k) => {
    const model = curves.values[s.observation];
    if (!model) return [];
    const [x, y, held] = [take(block, s.times), take(block, s.values), take(block, s.held_out)];
    const residual = Array.from(x, (t, i) => {
      const m = interpolate(curves.times, model, t);
      return logs[k] ? Math.log(y[i] as number) - Math.log(m) : (y[i] as number) - m;
    });
    // A limit has no residual.
    const limit = take(block, s.censored);
    const part = (wanted: boolean) => {
      const at = [...x.keys()].filter((i) => (held[i] ?? 0) > 0 === wanted && (limit[i] ?? 0) === 0);
      return { x: at.map((i) => x[i] as number), y: at.map((i) => residual[i] as number) };
    };
    return [
      { name: s.observation, ...part(false), look: "points" as const, colour: k },
      { name: `${s.observation}, held out`, ...part(true), look: "hollow" as const, colour: k, legend: false },
    ];
  });
  const allLogs = logs.length > 0 && logs.every(Boolean);
  return {
    series,
    x: { title: timeTitle(time) },
    y: { title: allLogs ? "ln data − ln model" : logs.some(Boolean) ? "data − model (log-normal: of logarithms)" : "data − model" },
    marks: experiment.hold_out_from != null ? [{ x: experiment.hold_out_from, label: "held out" }] : [],
    zero: true,
    view: `residuals:${run.summary.id}:${index}`,
  };
}
