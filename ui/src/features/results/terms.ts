// Figures and sentences about what networks have learned.

import type { TermInputView, TermsReply, TermView, TimeView } from "../../generated/api";
import { take } from "../../model/slices";
import { bandSeries, timeTitle } from "../../shared/fit";
import type { Figure, Series } from "../../shared/plot/figure";

/** The curve of an output over an input: solid near what was seen, dashed beyond, with a rug of what was visited. */
export function responseFigure(term: TermView, input: TermInputView, output: number, reply: TermsReply, block: Float64Array): Figure {
  const name = term.outputs[output] ?? "";
  const [x, distance] = [take(block, input.at), take(block, input.distance)];
  const curve = input.curves[output];
  const y = curve ? take(block, curve.value) : new Float64Array();
  const seen = Array.from(distance, (d) => d <= reply.near);
  // Where a part ends, the other one goes on from the same point.
  const beyond = seen.map((s, i) => !s || (!(seen[i - 1] ?? true) || !(seen[i + 1] ?? true)));
  const part = (kept: boolean[]) => Array.from(y, (v, i) => (kept[i] ? v : NaN));
  const [low, high] = curve?.band?.map((s) => take(block, s)) ?? [];
  const series: Series[] = [];
  if (low && high) series.push(bandSeries({ observation: name, times: x, low, high, name: "90 %", cover: 0.22 }, output));
  series.push({ name, x, y: part(seen), look: "line", colour: output });
  if (beyond.some(Boolean)) series.push({ name: `${name}, far from what was seen`, x, y: part(beyond), look: "line", colour: output, dash: true, legend: false });
  const visited = take(block, input.visited);
  const floor = Math.min(...Array.from(low ?? y).filter(Number.isFinite), ...Array.from(y).filter(Number.isFinite));
  if (Number.isFinite(floor)) series.push({ name: "visited", x: visited, y: Array.from(visited, () => floor), look: "dots", colour: "text", legend: false });
  return { series, x: { title: input.name }, y: { title: name }, view: `response:${reply.run?.id ?? ""}:${name}:${input.name}` };
}

/** How far the networks are asked from what they have seen, along an experiment and its forecast; over the range of times of the fit above it. */
export function distanceFigure(reply: TermsReply, block: Float64Array, experiment: string, time: TimeView | null, range: [number, number] | null): Figure | null {
  const series: Series[] = [];
  let last: [number, number] | null = null;
  let from: number | null = null;
  reply.terms.forEach((t, i) => {
    const found = t.distances.find((d) => d.experiment === experiment);
    if (!found) return;
    const x = take(block, found.times);
    series.push({ name: t.name, x, y: take(block, found.values), look: "line", colour: i, width: 1.5 });
    last = [x[0] ?? 0, x[x.length - 1] ?? 0];
    from = found.trained_until;
  });
  if (last === null || from === null) return null;
  series.push({ name: "seen up to here", x: last, y: [reply.near, reply.near], look: "line", colour: "muted", dash: true, width: 1, legend: false });
  return {
    series,
    x: { title: timeTitle(time), range },
    y: { title: "distance" },
    regions: last[1] > from ? [{ from, to: last[1], label: "not trained on", tone: "forecast" }] : [],
    view: `distance:${reply.run?.id ?? ""}:${experiment}`,
  };
}

/** What the distances mean for the forecast of an experiment. */
export function distanceWords(reply: TermsReply, experiment: string): string[] {
  const sentence = (t: TermView) => t.distances.find((d) => d.experiment === experiment)?.sentence ?? null;
  return reply.terms.flatMap((t) => {
    const said = sentence(t);
    return said === null ? [] : [`${said.charAt(0).toUpperCase()}${said.slice(1)}.`];
  });
}

/** A share as a percentage with two digits that count. */
export function percent(x: number): string {
  return `${Number((100 * x).toPrecision(2))} %`;
}
