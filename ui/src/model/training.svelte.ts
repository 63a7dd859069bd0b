// The training that runs, as its stream tells it.

import type { ApiError, JobAction, Progress, RunSummary, RunView, StageView, StudyFile, TrainRequest } from "../generated/api";
import type { Platform } from "../platform";
import type { ErrorLog } from "./errors.svelte";
import type { ProjectStore } from "./project.svelte";
import { take } from "./slices";

export type Phase = "idle" | "starting" | "running" | "paused" | "finished" | "failed";
/** Curves of one experiment with numbers of their own. */
export type Curve = { experiment: string; times: Float64Array; observations: Array<{ name: string; values: Float64Array }> };
/** Curves as they were after an iteration; while there are trainings from several places, those of the best of as many as were done. */
export type Frame = { iteration: number; starts: number | null; curves: Curve[] };

/** What the curves of a frame belong to. */
export const frameNote = ({ iteration, starts }: Frame): string =>
  starts === null ? (iteration === 0 ? "at the start" : `after iteration ${iteration}`) : starts === 1 ? "from the first start that is done" : `best of ${starts} starts`;

/** Frames kept for scrubbing; when there are more, every second one goes. */
const FRAMES = 240;
/** How long the last event may lag behind the promise before the promise is believed. */
const LAST_EVENT_MS = 2000;

export class TrainingStore {
  phase = $state<Phase>("idle");
  run = $state<string | null>(null);
  /** The study as it was when the training began. */
  study = $state.raw<StudyFile | null>(null);
  stages = $state.raw<StageView[]>([]);
  parameterNames = $state.raw<string[]>([]);
  method = $state("");
  iteration = $state(0);
  total = $state(0);
  stage = $state(0);
  elapsed_s = $state(0);
  left_s = $state<number | null>(null);
  /** Trainings from several places, while they run. */
  starts = $state.raw<{ looking: boolean; done: number; total: number } | null>(null);
  /** Share of the work before the first iteration, while it is done: segments are made to join. */
  joining = $state<number | null>(null);
  notes = $state.raw<Array<{ iteration: number; message: string }>>([]);
  summary = $state.raw<RunSummary | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** A pause or stop was asked for and not yet answered. */
  asked = $state<JobAction | null>(null);
  /** Frame shown instead of the newest one. */
  scrub = $state<number | null>(null);
  /** Counts changes of the histories below, which are too long to be tracked element by element. */
  version = $state(0);

  iterations: number[] = [];
  loss: number[] = [];
  best: number[] = [];
  holdOut: { iterations: number[]; values: number[] } = { iterations: [], values: [] };
  /** One history per parameter. */
  traces: number[][] = [];
  frames: Frame[] = [];

  readonly active = $derived(this.phase === "starting" || this.phase === "running" || this.phase === "paused");
  readonly progress = $derived(this.joining !== null ? this.joining : this.starts ? this.starts.done / Math.max(1, this.starts.total) : this.total > 0 ? Math.min(1, this.iteration / this.total) : 0);

  #ended: Array<() => void> = [];
  #generation = 0;

  constructor(
    private readonly platform: Platform,
    private readonly project: ProjectStore,
    private readonly errors: ErrorLog,
  ) {
    project.onView((_, isOther) => {
      if (isOther && !this.active) this.#clear("idle");
    });
  }

  /** Starts and resolves when the stream has ended, whichever way. */
  async start(request: Partial<TrainRequest> = {}): Promise<void> {
    if (this.active || !this.project.isOpen) return;
    this.#clear("starting");
    const generation = ++this.#generation;
    await this.project.beforeCommand();
    this.study = this.project.view?.study ?? null;
    const ended = new Promise<void>((resolve) => this.#ended.push(resolve));
    const mine = (p: Progress, block: Float64Array) => {
      if (generation === this.#generation) this.reduce(p, block);
    };
    this.platform.train({ resume: null, from_run: null, ...request }, mine).then(
      // The last messages may come after the promise: wait for the event, but not for ever.
      ({ value }) => setTimeout(() => generation === this.#generation && this.active && this.reduce({ event: "finished", run: value }, new Float64Array()), LAST_EVENT_MS),
      (thrown) => {
        if (generation !== this.#generation || this.phase === "failed") return;
        const error = this.errors.report(thrown, "Training");
        if (this.active) this.#fail(error);
      },
    );
    await ended;
  }

  async job(action: JobAction): Promise<void> {
    if (!this.active || this.asked !== null) return;
    this.asked = action;
    try {
      await this.platform.rpc("job", { action });
    } catch (thrown) {
      this.errors.report(thrown, action === "stop" ? "Stopping the training" : "Pausing the training");
      this.asked = null;
    }
  }

  /** Stops and waits for the stream to end. */
  async stopAndWait(): Promise<void> {
    if (!this.active) return;
    const ended = new Promise<void>((resolve) => this.#ended.push(resolve));
    await this.job("stop");
    if (this.asked !== null) await ended;
  }

  togglePause = (): Promise<void> => this.job(this.phase === "paused" ? "resume" : "pause");

  /** Curves to draw: the newest, or those scrubbed to. */
  shownFrame(): Frame | null {
    return this.frames[this.scrub ?? this.frames.length - 1] ?? null;
  }

  /** Takes one message of the stream in. */
  reduce(p: Progress, block: Float64Array): void {
    switch (p.event) {
      case "started":
        this.phase = "running";
        this.run = p.run;
        this.stages = p.stages;
        this.parameterNames = p.parameters;
        this.method = p.method;
        this.total = p.stages.reduce((sum, s) => sum + s.iterations, 0);
        this.traces = p.parameters.map(() => []);
        break;
      case "starts": {
        this.joining = null;
        const looking = p.places > 0;
        this.starts = looking ? { looking, done: p.screened, total: p.places } : { looking, done: p.done, total: p.total };
        this.left_s = p.left_s;
        break;
      }
      case "working":
        this.joining = p.share;
        this.left_s = p.left_s;
        break;
      case "iteration": {
        this.starts = this.joining = null;
        // Stages look at different parts of the data: their losses are curves of their own.
        if (p.stage !== this.stage && this.iterations.length > 0) this.#gap();
        this.iteration = p.iteration;
        this.total = p.total;
        this.stage = p.stage;
        this.elapsed_s = p.elapsed_s;
        this.left_s = p.left_s;
        this.iterations.push(p.iteration);
        // JSON has no NaN: a loss that is no number arrives as null.
        this.loss.push(p.loss ?? NaN);
        this.best.push(p.best ?? NaN);
        if (p.hold_out != null) {
          this.holdOut.iterations.push(p.iteration);
          this.holdOut.values.push(p.hold_out);
        }
        take(block, p.parameters).forEach((value, i) => this.traces[i]?.push(value));
        break;
      }
      case "curves":
        this.#keep({
          iteration: this.iteration,
          starts: this.starts && !this.starts.looking ? this.starts.done : null,
          curves: p.experiments.map((e) => ({
            experiment: e.experiment,
            times: take(block, e.times),
            observations: e.observations.map((o) => ({ name: o.name, values: take(block, o.values) })),
          })),
        });
        break;
      case "note":
        this.notes = [...this.notes, { iteration: p.iteration, message: p.message }];
        break;
      case "paused":
        this.phase = p.paused ? "paused" : "running";
        this.asked = null;
        break;
      case "finished":
        this.summary = p.run;
        this.#end("finished");
        void this.#readHistory(p.run);
        break;
      case "failed":
        this.errors.report(p.error, "Training");
        this.#fail(p.error);
        break;
    }
    this.version += 1;
  }

  /** Interrupts the curves of the loss; parameters go on. */
  #gap(): void {
    this.iterations.push(this.iteration);
    this.loss.push(NaN);
    this.best.push(NaN);
    for (const trace of this.traces) trace.push(trace.at(-1) ?? NaN);
  }

  #fail(error: ApiError): void {
    this.error = error;
    this.#end("failed");
  }

  #end(phase: "finished" | "failed"): void {
    this.phase = phase;
    this.asked = null;
    this.left_s = null;
    this.starts = this.joining = null;
    this.version += 1;
    for (const resolve of this.#ended.splice(0)) resolve();
    if (this.project.isOpen) void this.project.refresh();
  }

  /** The stream shows a few points a second; once it has ended, every iteration is shown. */
  async #readHistory(summary: RunSummary): Promise<void> {
    const generation = this.#generation;
    try {
      const { value, block } = await this.platform.rpc("run_view", { run: summary.id });
      if (generation !== this.#generation || value.history_iterations.len <= this.iterations.length) return;
      this.#replaceHistory(value, block);
    } catch (thrown) {
      this.errors.report(thrown, "Reading the history of the run");
    }
  }

  #replaceHistory(run: RunView, block: Float64Array): void {
    const [iterations, loss, best] = [take(block, run.history_iterations), take(block, run.history_loss), take(block, run.history_best)];
    const [held, rows] = [take(block, run.history_hold_out), take(block, run.history_parameters)];
    const width = this.traces.length;
    const last = this.holdOut.values.length > 0 ? [this.holdOut.iterations.at(-1), this.holdOut.values.at(-1)] : [];
    [this.iterations, this.loss, this.best, this.traces] = [[], [], [], this.traces.map(() => [])];
    this.holdOut = { iterations: [], values: [] };
    iterations.forEach((iteration, i) => {
      // The best loss only rises where a stage begins that looks at more of the data.
      if (i > 0 && (best[i] ?? NaN) > (best[i - 1] ?? NaN)) this.#gap();
      this.iteration = iteration;
      this.iterations.push(iteration);
      this.loss.push(loss[i] ?? NaN);
      this.best.push(best[i] ?? NaN);
      this.traces.forEach((trace, k) => trace.push(rows[i * width + k] ?? NaN));
      if (Number.isFinite(held[i])) {
        this.holdOut.iterations.push(iteration);
        this.holdOut.values.push(held[i] ?? NaN);
      }
    });
    const [at, value] = last;
    if (at !== undefined && value !== undefined && at !== this.holdOut.iterations.at(-1)) {
      this.holdOut.iterations.push(at);
      this.holdOut.values.push(value);
    }
    this.iteration = run.summary.iterations;
    this.version += 1;
  }

  #keep(frame: Frame): void {
    if (this.frames.length >= FRAMES) {
      this.frames = this.frames.filter((_, i) => i % 2 === 0);
      if (this.scrub !== null) this.scrub = Math.floor(this.scrub / 2);
    }
    this.frames.push(frame);
  }

  #clear(phase: Phase): void {
    this.phase = phase;
    this.run = this.study = this.summary = this.error = this.asked = this.scrub = null;
    this.stages = [];
    this.parameterNames = [];
    this.method = "";
    this.iteration = this.total = this.stage = this.elapsed_s = 0;
    this.left_s = null;
    this.starts = this.joining = null;
    this.notes = [];
    this.iterations = [];
    this.loss = [];
    this.best = [];
    this.holdOut = { iterations: [], values: [] };
    this.traces = [];
    this.frames = [];
    this.version += 1;
  }
}
