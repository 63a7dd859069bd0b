// Figures and sentences about how sure a run is.

import type { UncertainParameter, UncertaintyResult } from "../../generated/api";
import { count, number, withUnit } from "../../model/format";
import { extent, take } from "../../model/slices";
import { bandSeries, type Band } from "../../shared/fit";
import type { Figure } from "../../shared/plot/figure";

/** Ways to ask, the surest first. */
export const METHODS = [
  { id: "nuts", name: "Draws from the posterior", hint: "The No-U-Turn sampler: right for every shape of posterior; seconds to minutes." },
  { id: "laplace", name: "Normal distribution", hint: "From the curvature of the loss at the fit (Laplace): at once, and right where the loss is nearly a parabola." },
  { id: "bootstrap", name: "Fits to new data", hint: "Data drawn from the noise models are fitted again (parametric bootstrap): as long as that many short trainings." },
  { id: "profile", name: "Along each parameter", hint: "All others are fitted again along each parameter (profile likelihood): right for lopsided and unbounded ones; no bands." },
  { id: "ensemble", name: "Trainings from other starts", hint: "Those that fit about as well are kept: shows other optima and, of networks, what they may say elsewhere; as long as that many trainings." },
];

/** Bands of an experiment, outermost first: of a measurement, then 90 % and 50 % of the model's value. */
export function bandsOf(result: UncertaintyResult, block: Float64Array, experiment: string): Band[] {
  return result.bands
    .filter((b) => b.experiment === experiment)
    .flatMap((b) => {
      const times = take(block, b.times);
      const [q05, q25, , q75, q95] = b.value.map((s) => take(block, s));
      if (!q05 || !q25 || !q75 || !q95) return [];
      const measured = b.measured?.map((s) => take(block, s));
      const outer = measured?.[0] && measured[1] ? [{ observation: b.observation, times, low: measured[0], high: measured[1], name: "90 % of measurements", cover: 0.12 }] : [];
      return [
        ...outer,
        { observation: b.observation, times, low: q05, high: q95, name: "90 %", cover: 0.22 },
        { observation: b.observation, times, low: q25, high: q75, name: "50 %", cover: 0.3 },
      ];
    });
}

/** What the bands mean, and how often measurements lie in theirs. */
export function coverageWords(result: UncertaintyResult): string {
  if (result.bands.length === 0) return "This method gives intervals of parameters, and no bands of curves.";
  const meaning = "The dark bands hold the model's value with probability 50 % and 90 %";
  const scattered = result.bands.some((b) => b.measured !== null);
  const said = scattered ? `${meaning}, the lightest a measurement with 90 %.` : `${meaning}.`;
  const sum = (held: boolean) => result.coverage.filter((c) => c.held_out === held).reduce((a, c) => ({ inside: a.inside + c.inside, points: a.points + c.points }), { inside: 0, points: 0 });
  const [seen, held] = [sum(false), sum(true)];
  const share = (c: { inside: number; points: number }) => `${c.inside} of ${c.points}`;
  if (held.points > 0) {
    const rather = held.inside / held.points < 0.7 ? " That is far fewer than 90 %: the forecast is surer than it should be." : "";
    return `${said} It holds ${share(held)} held-out points (${Math.round((100 * held.inside) / held.points)} %)${seen.points > 0 ? ` and ${share(seen)} trained on` : ""}.${rather}`;
  }
  return seen.points > 0 ? `${said} It holds ${share(seen)} points trained on.` : said;
}

/** Every draw of a parameter, chain by chain. */
export function chainsOf(result: UncertaintyResult, block: Float64Array, name: string): Float64Array[] {
  const d = result.draws;
  const column = d?.names.indexOf(name) ?? -1;
  if (!d || column < 0) return [];
  const values = take(block, d.values);
  const width = d.names.length;
  return Array.from({ length: d.chains }, (_, c) => Float64Array.from({ length: d.draws }, (_, i) => values[(c * d.draws + i) * width + column] ?? NaN));
}

const BINS = 40;
/** 95 % quantile of χ² with one degree of freedom. */
const THRESHOLD = 3.841458820694124;

/** How often the draws take each value, as a density. */
export function histogramFigure(p: UncertainParameter, chains: Float64Array[]): Figure {
  const range = extent(...chains);
  const total = chains.reduce((n, c) => n + c.length, 0);
  const [low, high] = range ?? [0, 1];
  const width = (high - low || Math.abs(low) || 1) / BINS;
  const counts = new Array<number>(BINS).fill(0);
  for (const chain of chains) for (const v of chain) {
    const bin = Math.min(BINS - 1, Math.floor((v - low) / width));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const edges = counts.flatMap((_, i) => [low + i * width, low + (i + 1) * width]);
  const density = counts.flatMap((n) => [n / (total * width), n / (total * width)]);
  return {
    series: [
      bandSeries({ observation: p.name, times: edges, low: density.map(() => 0), high: density, name: "draws", cover: 0.3 }, 0),
      { name: p.name, x: edges, y: density, look: "line", colour: 0, width: 1.5 },
    ],
    x: { title: withUnit(p.name, p.unit) },
    y: { title: "density" },
    marks: p.fitted == null ? [] : [{ x: p.fitted, label: "fit" }],
    view: `histogram:${p.name}`,
  };
}

/** Draws of two parameters against each other: a slanted cloud means that the data fix only a combination. */
export function pairFigure(a: UncertainParameter, b: UncertainParameter, x: Float64Array[], y: Float64Array[]): Figure {
  const all = (chains: Float64Array[]) => chains.flatMap((c) => [...c]);
  return {
    series: [{ name: "draws", x: all(x), y: all(y), look: "dots", colour: 0 }],
    x: { title: withUnit(a.name, a.unit) },
    y: { title: withUnit(b.name, b.unit) },
    plane: true,
    view: `pair:${a.name}:${b.name}`,
  };
}

/** The draws one after the other: good chains look like noise, and like each other. */
export function chainFigure(p: UncertainParameter, chains: Float64Array[], every: number): Figure {
  return {
    series: chains.map((y, i) => ({ name: `chain ${i + 1}`, x: Array.from(y, (_, k) => 1 + k * every), y, look: "line", colour: i, width: 1 })),
    x: { title: "draw", whole: true },
    y: { title: withUnit(p.name, p.unit) },
    view: `chains:${p.name}`,
  };
}

/** Twice the loss above that of the fit along a parameter; the 95 % interval lies below 3.84. */
export function profileFigure(result: UncertaintyResult, block: Float64Array, name: string): Figure | null {
  const found = result.profiles.find((p) => p.name === name);
  const parameter = result.parameters.find((p) => p.name === name);
  if (!found || !parameter) return null;
  const x = take(block, found.values);
  const ends = [x[0] ?? 0, x[x.length - 1] ?? 0];
  return {
    series: [
      { name: "rise", x, y: take(block, found.rises), look: "line", colour: 0 },
      { name: "95 %", x: ends, y: [THRESHOLD, THRESHOLD], look: "line", colour: "muted", dash: true, width: 1 },
    ],
    x: { title: withUnit(name, parameter.unit) },
    y: { title: "rise of twice the loss" },
    marks: parameter.fitted == null ? [] : [{ x: parameter.fitted, label: "fit" }],
    zero: true,
    view: `profile:${name}`,
  };
}

/** `0.55 (0.51 … 0.60)`: the middle and where the parameter lies with 90 %. */
export function interval(p: UncertainParameter): string {
  const [low, , middle, , high] = p.quantiles;
  return `${number(middle, 3)} (${number(low, 3)} … ${number(high, 3)})`;
}

/** What was done, in a line: `4,000 draws of 4 chains in 2.1 s`. */
export function drawsWords(result: UncertaintyResult, seconds: string): string {
  const d = result.draws;
  if (!d) return `${result.title}, ${seconds}`;
  if (result.parameters.every((p) => p.chains === null)) return `${result.title}: ${d.draws * d.every}, ${seconds}`;
  const kept = d.every > 1 ? `, every ${d.every}th kept` : "";
  return `${count(d.chains * d.draws * d.every, "draw")} of ${count(d.chains, "chain")}${kept}, ${seconds}`;
}
