// Draws around the known fit of the hare and lynx: independent, of about the width that the engine finds.

import type { ChainDiagnostics, Progress, UncertaintyRequest, UncertaintyView } from "../../generated/api";
import type { Framed } from "../frame";
import { take } from "../../model/slices";
import { Block } from "./block";
import type { FakeProject } from "./project";

/** Standard deviations of the logarithms. */
const WIDTH: Record<string, number> = { alpha: 0.11, beta: 0.14, gamma: 0.1, delta: 0.13, sigma_hare: 0.17, sigma_lynx: 0.17 };
const STEPS = 10;

/** A quantile of ascending numbers. */
const quantile = (sorted: number[], p: number) => sorted[Math.round(p * (sorted.length - 1))] ?? NaN;

export class FakeDraws {
  #stopped = false;

  constructor(
    private readonly project: FakeProject,
    private readonly request: UncertaintyRequest,
    private readonly emit: (progress: Progress) => void,
    private readonly step_ms: number,
  ) {}

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<Framed<UncertaintyView>> {
    const run = this.project.runs.find((r) => r.value.summary.id === this.request.run);
    if (!run) throw { code: "project", message: `the project has no run \`${this.request.run}\``, advice: null };
    const [chains, warmup, wanted] = [this.request.chains ?? 4, this.request.warmup ?? 500, this.request.draws ?? 1000];
    const total = chains * (warmup + wanted);
    let step = 0;
    while (step < STEPS && !this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, this.step_ms));
      step += 1;
      this.emit({ event: "sampling", done: Math.round((total * step) / STEPS), total, left_s: ((STEPS - step) * this.step_ms) / 1000 });
    }
    const draws = Math.max(4, Math.round((wanted * step) / STEPS));
    const framed = this.request.method === "profile" ? this.#profiles(run) : this.#answer(run, chains, warmup, draws);
    this.project.answers.push(framed);
    return framed;
  }

  #profiles(run: FakeProject["runs"][number]): Framed<UncertaintyView> {
    const { value: view } = run;
    const block = new Block();
    const profiles = view.parameters.map((p) => {
      const sd = p.value * (WIDTH[p.name] ?? 0.1);
      const values = Array.from({ length: 21 }, (_, i) => p.value + (i - 10) * 0.22 * sd);
      return { name: p.name, values: block.put(values), rises: block.put(values.map((v) => ((v - p.value) / sd) ** 2)), interval: [p.value - 1.96 * sd, p.value + 1.96 * sd] as [number, number], verdict: "identifiable" };
    });
    const parameters = view.parameters.map((p) => {
      const sd = p.value * (WIDTH[p.name] ?? 0.1);
      return { name: p.name, unit: p.unit, fitted: p.value, mean: null, sd, quantiles: [-1.64, -0.67, 0, 0.67, 1.64].map((z) => p.value + z * sd) as [number, number, number, number, number], chains: null };
    });
    const summary = { id: `answer-${this.project.answers.length + 1}`, run: view.summary.id, method: "profile", made_ms: Date.now() };
    const result = { title: "Refits along each parameter (profile likelihood)", settings: [["refits", "240"]] as Array<[string, string]>, parameters, bands: [], draws: null, whole: null, centre: null, profiles, coverage: [], warnings: [], time: "year", seconds: 0.8, cancelled: this.#stopped };
    return { value: { summary, result }, block: block.done() };
  }

  #answer(run: FakeProject["runs"][number], chains: number, warmup: number, draws: number): Framed<UncertaintyView> {
    const { value: view, block: numbers } = run;
    const random = generator(this.request.seed ?? 1);
    const names = view.parameters.map((p) => p.name);
    const rows = Array.from({ length: chains * draws }, () => view.parameters.map((p) => p.value * Math.exp((WIDTH[p.name] ?? 0.1) * random())));
    const block = new Block();
    const few = chains * draws < 400;
    const agreement: ChainDiagnostics = { standard_error: 0.001, bulk: chains * draws * 0.9, tail: chains * draws * 0.8, scale_reduction: few ? 1.02 : 1.001 };
    const bands = view.curves.flatMap((c) => {
      const times = block.put(take(numbers, c.times));
      return c.observations.map((o) => {
        const values = take(numbers, o.values);
        // What is far from the data is less sure.
        const wide = (factor: number) => block.put(values.map((v, i) => v * Math.exp(factor * (0.05 + (0.1 * i) / values.length))));
        return { experiment: c.experiment, observation: o.name, times, value: [wide(-1.64), wide(-0.67), wide(0), wide(0.67), wide(1.64)] as UncertaintyView["result"]["bands"][number]["value"], measured: [wide(-5), wide(5)] as [ReturnType<typeof wide>, ReturnType<typeof wide>] };
      });
    });
    const summary = { id: `answer-${this.project.answers.length + 1}`, run: view.summary.id, method: this.request.method ?? "nuts", made_ms: Date.now() };
    const result: UncertaintyView["result"] = {
      title: { laplace: "Normal distribution around the fit (Laplace)", bootstrap: "Fits to new data (parametric bootstrap)", ensemble: "Trainings from other starts (ensemble)" }[this.request.method ?? ""] ?? "Draws from the posterior (NUTS)",
      settings: [["chains", String(chains)], ["warm-up draws of each", String(warmup)], ["draws of each", String(draws)], ["seed", String(this.request.seed ?? 1)]],
      parameters: view.parameters.map((p, i) => {
        const sorted = rows.map((r) => r[i] ?? NaN).sort((a, b) => a - b);
        const mean = sorted.reduce((a, b) => a + b, 0) / sorted.length;
        const sd = Math.sqrt(sorted.reduce((a, b) => a + (b - mean) ** 2, 0) / (sorted.length - 1));
        return { name: p.name, unit: p.unit, fitted: p.value, mean, sd, quantiles: [0.05, 0.25, 0.5, 0.75, 0.95].map((q) => quantile(sorted, q)) as [number, number, number, number, number], chains: (this.request.method ?? "nuts") === "nuts" ? agreement : null };
      }),
      bands,
      draws: { names, chains, draws, every: 1, values: block.put(rows.flat()) },
      whole: null,
      centre: null,
      profiles: [],
      coverage: view.scores.flatMap((s) => [
        { experiment: s.experiment, observation: s.observation, held_out: false, points: s.points, inside: s.points - 1 },
        ...(s.held_out_points > 0 ? [{ experiment: s.experiment, observation: s.observation, held_out: true, points: s.held_out_points, inside: s.held_out_points - 1 }] : []),
      ]),
      warnings: [
        ...(this.#stopped ? ["the drawing was stopped; this is what there was by then"] : []),
        ...(few ? ["fewer than 400 effective draws of alpha: take more draws before you quote their quantiles"] : []),
      ],
      time: "t",
      seconds: 1.9,
      cancelled: this.#stopped,
    };
    return { value: { summary, result }, block: block.done() };
  }
}

/** Normal numbers that are the same every time (Box and Muller on a linear congruence). */
function generator(seed: number): () => number {
  let state = (seed * 2654435761) >>> 0;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}
