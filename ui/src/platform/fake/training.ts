// A training as it would be: from the start values to the known fit, with the loss of a real simulation at each step.

import type { Criteria, FittedParameter, JobAction, Progress, RunStatus, RunSummary, StageView, StartsView } from "../../generated/api";
import { Block } from "./block";
import { check } from "./language";
import { grid, logError, lotka, type Rates } from "./lotka";
import type { FakeProject } from "./project";
import { gradientReason, solverReason } from "./study";

/** Fit of the pelt counts to 1914 on the log scale, initial values as in the model. */
export const FIT: Record<string, number> = { alpha: 0.5485, beta: 0.02832, gamma: 0.7973, delta: 0.02403, sigma_hare: 0.23, sigma_lynx: 0.22, hare: 33.1, lynx: 5.9 };

const NAMES = ["alpha", "beta", "gamma", "delta", "sigma_hare", "sigma_lynx"];

export class FakeTraining {
  #paused = false;
  #stopped = false;
  #notes: Array<[number, string]> = [];

  constructor(
    private readonly project: FakeProject,
    private readonly emit: (progress: Progress, block: Float64Array) => void,
    private readonly step_ms: number,
    private readonly stride: number,
  ) {}

  job(action: JobAction): void {
    if (action === "stop") this.#stopped = true;
    else {
      this.#paused = action === "pause";
      this.emit({ event: "paused", paused: this.#paused }, new Float64Array());
    }
  }

  async run(): Promise<RunSummary> {
    const stages = this.project.report(new Block()).stages;
    const study = this.project.content.study;
    const total = stages.reduce((sum, s) => sum + s.iterations, 0);
    const id = `run-${this.project.runs.length + 1}`;
    const begun = Date.now();
    const start = startValues(this.project.content.model);
    const history: Array<{ iteration: number; loss: number; holdOut: number; values: number[] }> = [];
    this.emit({ event: "started", run: id, stages, parameters: NAMES, method: `solver ${solverReason(study)}; gradient ${gradientReason(study)}` }, new Float64Array());
    let best = Infinity;
    let iteration = 0;
    while (iteration < total && !this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, this.step_ms));
      if (this.#paused) continue;
      const before = stageOf(stages, iteration);
      iteration = Math.min(total, iteration + this.stride);
      const stage = stageOf(stages, iteration);
      const share = 1 - Math.exp((-5.5 * iteration) / total);
      const wobble = 0.12 * Math.sin(iteration / 5) * Math.exp((-7 * iteration) / total);
      const values = NAMES.map((n) => mix(start[n] ?? 1, FIT[n] ?? 1, Math.min(1, share + wobble)));
      const { loss, holdOut } = this.#losses(start, values);
      best = Math.min(best, loss);
      history.push({ iteration, loss, holdOut, values });
      const block = new Block();
      const parameters = block.put(values);
      const elapsed_s = (Date.now() - begun) / 1000;
      this.emit({ event: "iteration", iteration, total, stage, loss, best, hold_out: iteration % 10 === 0 ? holdOut : null, parameters, elapsed_s, left_s: (elapsed_s / iteration) * (total - iteration) }, block.done());
      if (iteration % 6 === 0 || this.stride > 6 || iteration === total) this.#curves(start, values);
      const next = stages[stage];
      if (next && stage > before) this.#note(iteration, `Stage ${before + 1} reached its last iteration; ${next.optimiser} goes on with ${Math.round(next.horizon * 100)} % of the time span.`);
      if (iteration === 112 && study.training.recipe === "default") this.#note(iteration, "Loss spiked at 112, went back to 108, rate halved to 0.015.");
    }
    const summary = this.#store(id, begun, history, start, this.#stopped ? "stopped" : "finished");
    this.emit({ event: "finished", run: summary }, new Float64Array());
    return summary;
  }

  #note(iteration: number, message: string): void {
    this.#notes.push([iteration, message]);
    this.emit({ event: "note", iteration, message }, new Float64Array());
  }

  #losses(start: Record<string, number>, values: number[]): { loss: number; holdOut: number } {
    const e = this.project.experiments()[0];
    if (!e) return { loss: 1, holdOut: 1 };
    const first = e.series[0];
    const fit = lotka(rates(start, values), e.start, first?.times ?? []);
    const parts = e.series.map((s, i) => {
      const model = i === 0 ? fit.hare : fit.lynx;
      return { train: logError(model, s.values, (k) => !s.heldOut[k]), held: logError(model, s.values, (k) => !!s.heldOut[k]) };
    });
    const mean = (pick: (p: (typeof parts)[0]) => number) => parts.reduce((sum, p) => sum + pick(p), 0) / (parts.length || 1);
    return { loss: mean((p) => p.train), holdOut: mean((p) => p.held) };
  }

  #curves(start: Record<string, number>, values: number[]): void {
    const block = new Block();
    const experiments = curvesOf(this.project, start, values, block);
    this.emit({ event: "curves", experiments }, block.done());
  }

  #store(id: string, begun: number, history: Array<{ iteration: number; loss: number; holdOut: number; values: number[] }>, start: Record<string, number>, status: RunStatus): RunSummary {
    const best = history.reduce((a, b) => (b.loss < a.loss ? b : a), history[0] ?? { iteration: 0, loss: NaN, holdOut: NaN, values: NAMES.map((n) => start[n] ?? 1) });
    const model = check(this.project.content.model);
    const scores = this.#scores(start, best.values);
    const without = model.observations.filter((o) => o.noise === "least squares").map((o) => o.name);
    const log_likelihood = without.length > 0 ? null : -118.4;
    const summary: RunSummary = {
      id, number: this.project.runs.length + 1, started_ms: begun, status, iterations: history.at(-1)?.iteration ?? 0, loss: best.loss, log_likelihood,
      hold_out: best.holdOut, stop_reason: status === "stopped" ? "Stopped by the user." : "The loss changed by less than 1e-9 over ten iterations.", seconds: (Date.now() - begun) / 1000,
    };
    const block = new Block();
    const parameters: FittedParameter[] = NAMES.map((name, i) => {
      const p = model.parameters.find((q) => q.name === name);
      return { name, unit: p?.unit ?? null, start: start[name] ?? 1, value: best.values[i] ?? NaN, lower: p?.lower ?? null, upper: p?.upper ?? null, at_bound: false };
    });
    const value = {
      summary, model: this.project.content.model, study: structuredClone(this.project.content.study), parameters,
      curves: curvesOf(this.project, start, best.values, block),
      experiments: this.project.report(block).experiments,
      history_iterations: block.put(history.map((h) => h.iteration)),
      history_loss: block.put(history.map((h) => h.loss)),
      history_best: block.put(history.map((_, i) => Math.min(...history.slice(0, i + 1).map((h) => h.loss)))),
      history_hold_out: block.put(history.map((h) => (h.iteration % 10 === 0 ? h.holdOut : NaN))),
      history_parameters: block.put(history.flatMap((h) => h.values)),
      scores,
      criteria: criteria(
        log_likelihood,
        parameters.length + (/^network /m.test(this.project.content.model) ? 354 : 0),
        scores.reduce((sum, s) => sum + s.points, 0),
        without,
      ),
      log: this.#notes,
      provenance: this.#provenance(),
      starts: this.#starts(block, best.loss, best.values),
    };
    this.project.runs.push({ value, block: block.done() });
    return summary;
  }

  /** Three quarters of the starts came to the best loss, the others to a poorer one. */
  #starts(block: Block, loss: number, values: number[]): StartsView | null {
    const count = this.project.content.study.training.starts;
    if (count <= 1) return null;
    const all = Array.from({ length: count }, (_, i) => i);
    const reached = Math.ceil(0.75 * count);
    return {
      reached,
      places: block.put(all.map((i) => (i + 1) % count)),
      first: block.put(all.map((i) => (i === count - 1 ? Infinity : Math.abs(loss) * 20 + 100 * i))),
      losses: block.put(all.map((i) => (i < reached ? loss : loss + 40 + i))),
      iterations: block.put(all.map((i) => 100 + i)),
      parameters: block.put(all.flatMap(() => values)),
    };
  }

  #provenance(): Array<[string, string]> {
    const study = this.project.content.study;
    const { solver, seed } = study;
    return [
      ["program", "slopefield 0.1.0"], ["solver", solverReason(study)], ["gradient", gradientReason(study)], ["rtol", String(solver.rtol)], ["atol", String(solver.atol)],
      ["seed", String(seed)], ["model", "sha256 5b1f…c2a0"], ["data", "sha256 90aa…11fe"],
    ];
  }

  #scores(start: Record<string, number>, values: number[]) {
    return this.project.experiments().flatMap((e) =>
      e.series.map((s, i) => {
        const fit = lotka(rates(start, values), e.start, s.times);
        const model = i === 0 ? fit.hare : fit.lynx;
        const rmse = (held: number) => {
          const errors = s.values.flatMap((v, k) => (s.heldOut[k] === held ? [(v - (model[k] ?? NaN)) ** 2] : []));
          return { n: errors.length, value: Math.sqrt(errors.reduce((a, b) => a + b, 0) / (errors.length || 1)) };
        };
        const [fitted, held] = [rmse(0), rmse(1)];
        return { experiment: e.name, observation: s.observation, points: fitted.n, rmse: fitted.value, held_out_points: held.n, held_out_rmse: held.n ? held.value : null };
      }),
    );
  }
}

function criteria(log_likelihood: number | null, free: number, points: number, without: string[]): Criteria {
  if (log_likelihood === null) return { free, points, aic: null, bic: null, lacking: `needs a noise model: ${without.join(", ")} ${without.length > 1 ? "have" : "has"} none` };
  const twice = -2 * log_likelihood;
  return { free, points, aic: twice + 2 * free, bic: twice + free * Math.log(points), lacking: null };
}

function curvesOf(project: FakeProject, start: Record<string, number>, values: number[], block: Block) {
  const until = project.content.study.forecast.until;
  return project.experiments().map((e) => {
    const times = grid(e.start, Math.max(until ?? 0, ...e.series.flatMap((s) => s.times)), 241);
    const fit = lotka(rates(start, values), e.start, times);
    const slice = block.put(times);
    return { experiment: e.name, times: slice, observations: e.series.map((s, i) => ({ name: s.observation, values: block.put(i === 0 ? fit.hare : fit.lynx) })) };
  });
}

function startValues(model: string): Record<string, number> {
  const { parameters, states } = check(model);
  return Object.fromEntries([...parameters.map((p) => [p.name, p.value]), ...states.map((s) => [s.name, s.initial])]);
}

function rates(start: Record<string, number>, values: number[]): Rates {
  const v = (i: number) => values[i] ?? 1;
  return { alpha: v(0), beta: v(1), gamma: v(2), delta: v(3), hare: start["hare"] ?? 30, lynx: start["lynx"] ?? 4 };
}

function mix(a: number, b: number, share: number): number {
  return Math.exp(Math.log(a) * (1 - share) + Math.log(b) * share);
}

function stageOf(stages: StageView[], iteration: number): number {
  let end = 0;
  for (let i = 0; i < stages.length; i++) {
    end += stages[i]?.iterations ?? 0;
    if (iteration <= end) return i;
  }
  return stages.length - 1;
}
