// Sliders over the data: values, one simulation in flight, the last trajectory.

import type { ApiError, ColumnKind, EventMark, ExperimentView, ModelReport, SimulateRequest, SolveStats } from "../generated/api";
import { toApiError, type Platform } from "../platform";
import { Coalescer } from "./coalesce";
import type { ErrorLog } from "./errors.svelte";
import { slopeField, type Field, type Window } from "./field";
import { writeValues } from "./modelEdit";
import type { ProjectStore } from "./project.svelte";
import { extent, take } from "./slices";
import type { TextStore } from "./text.svelte";

export type Trajectory = {
  times: Float64Array;
  columns: Array<{ name: string; kind: ColumnKind; values: Float64Array }>;
  events: EventMark[];
  notes: string[];
  stats: SolveStats;
};

const POINTS = 401;
/** A simulation that takes longer than this can be stopped by hand. */
const SLOW_MS = 800;
/** Random paths behind a mean. */
export const MANY_PATHS = 200;

export class ExploreStore {
  /** Params and initial values as set by the sliders. */
  values = $state<Record<string, number>>({});
  /** What the model (or the chosen run) says. */
  base = $state.raw<Record<string, number>>({});
  from = $state<number | null>(null);
  to = $state<number | null>(null);
  /** Take weights and params of this run. */
  run = $state<string | null>(null);
  experiment = $state(0);
  /** Which random path is shown; null: the mean of many. */
  path = $state<number | null>(0);
  trajectory = $state.raw<Trajectory | null>(null);
  /** Why there is no trajectory for the values of now. */
  failure = $state.raw<ApiError | null>(null);
  /** A simulation takes so long that it is worth a stop. */
  slow = $state(false);
  /** It was told to end. */
  stopping = $state(false);
  /** From moving a slider to the answer, in milliseconds. */
  latency_ms = $state(0);

  readonly changed = $derived(Object.keys(this.values).filter((name) => this.values[name] !== this.base[name]));

  #states = new Set<string>();
  #modelText = "";
  #simulate: Coalescer<SimulateRequest, Trajectory>;
  #asked_at = 0;
  #slow: ReturnType<typeof setTimeout> | undefined;
  /** The last request, as text. */
  #asked = "";
  #shown = true;
  /** The curve is older than the model or the values. */
  #due = false;
  #fields = 0;

  constructor(
    private readonly platform: Platform,
    private readonly project: ProjectStore,
    private readonly text: TextStore,
    private readonly log: ErrorLog,
  ) {
    this.#simulate = new Coalescer(
      (request) => this.#ask(request),
      (trajectory) => {
        this.trajectory = trajectory;
        this.failure = null;
        this.latency_ms = performance.now() - this.#asked_at;
      },
      (thrown) => (this.failure = toApiError(thrown)),
    );
    project.onView((_, isOther) => {
      if (isOther) this.#forget();
      // Seed, reactions, times and settings of experiments come from the study.
      else if (this.#modelText && JSON.stringify(this.#request()) !== this.#asked) this.simulate();
    });
  }

  get busy(): boolean {
    return this.#simulate.busy;
  }

  idle = (): Promise<void> => this.#simulate.idle();

  /** A new report of the model: new names appear, changed defaults win, the rest stays as set. */
  follow(report: ModelReport, text: string): void {
    if (!report.ok) return;
    this.#modelText = text;
    this.#states = new Set(report.states.map((s) => s.name));
    const base: Record<string, number> = {};
    for (const p of report.parameters) base[p.name] = p.value;
    for (const s of report.states) base[s.name] = s.initial;
    const values: Record<string, number> = {};
    for (const name in base) {
      const kept = this.base[name] === base[name] ? this.values[name] : undefined;
      values[name] = kept ?? (base[name] as number);
    }
    this.base = base;
    this.values = values;
    if (this.run !== null) void this.useRun(this.run);
    else this.simulate();
  }

  set(name: string, value: number): void {
    this.values[name] = value;
    this.simulate();
  }

  span(from: number | null, to: number | null): void {
    this.from = from;
    this.to = to;
    this.simulate();
  }

  chooseExperiment(index: number): void {
    this.experiment = index;
    this.simulate();
  }

  choosePath(path: number | null): void {
    this.path = path;
    this.simulate();
  }

  reset(): void {
    this.values = { ...this.base };
    this.simulate();
  }

  /** Params (and network weights) of a run; null goes back to the model's. */
  async useRun(id: string | null): Promise<void> {
    if (id === null) {
      this.run = null;
      if (this.text.report) {
        this.base = {};
        this.follow(this.text.report, this.#modelText);
      }
      return;
    }
    try {
      const { value } = await this.platform.rpc("run_view", { run: id });
      const fitted = Object.fromEntries(value.parameters.map((p) => [p.name, p.value]));
      const base = { ...this.base };
      for (const name in fitted) if (name in base) base[name] = fitted[name] as number;
      this.run = id;
      this.base = base;
      this.values = { ...base };
      this.simulate();
    } catch (thrown) {
      this.log.report(thrown, "Reading the run");
    }
  }

  /** The screen is shown or left: nothing is solved for a screen that nobody looks at. */
  show(shown: boolean): void {
    if (shown === this.#shown) return;
    this.#shown = shown;
    if (shown && this.#due) this.simulate();
  }

  simulate(): void {
    if (!this.#modelText) return;
    this.#due = !this.#shown;
    if (this.#due) return;
    this.#asked_at = performance.now();
    const request = this.#request();
    this.#asked = JSON.stringify(request);
    this.#simulate.submit(request);
  }

  /** Slopes of two states inside a window for the values of now; null when they were changed meanwhile. */
  field(across: string, up: string, window: Window): Promise<Field | null> {
    const asked = ++this.#fields;
    const trajectory = this.trajectory;
    const stale = () => asked !== this.#fields || trajectory !== this.trajectory;
    return slopeField((request) => this.platform.rpc("simulate", request), this.#request(), across, up, window, stale);
  }

  #request(): SimulateRequest {
    const [from, to] = this.window();
    // Params always; initial values only where a slider moved: they may be expressions of params.
    const set = Object.fromEntries(
      Object.entries(this.values).filter(([name, value]) => !this.#states.has(name) || value !== this.base[name]),
    );
    const own = this.project.view?.study.experiment[this.experiment]?.set ?? {};
    return {
      text: this.#modelText,
      set: { ...own, ...set },
      run: this.run,
      from,
      to,
      at: [],
      points: POINTS,
      method: null,
      rtol: null,
      atol: null,
      seed: this.project.view?.study.seed ?? null,
      reactions: this.project.view?.study.solver.reactions ?? null,
      path: this.path,
      paths: this.path === null && this.random() ? MANY_PATHS : null,
      steady: false,
      inputs: [],
      experiment: this.shown()?.name ?? null,
    };
  }

  /** What is simulated here, for those who want more than one trajectory of it: times are left to them. */
  settings(): SimulateRequest {
    return { ...this.#request(), points: null, paths: null };
  }

  /** Whether two solutions differ by chance, as the reactions are run. */
  random(): boolean {
    const report = this.text.report;
    const reactions = this.project.view?.study.solver.reactions ?? "ode";
    return report !== null && (report.random || (report.reactions > 0 && reactions !== "ode"));
  }

  /** The experiment whose points are shown. */
  shown(): ExperimentView | null {
    const all = this.project.view?.problem.experiments ?? [];
    return all[this.experiment] ?? all[0] ?? null;
  }

  /** Start and end of the simulation: as set, else through the data and the forecast, else ten units. */
  window(): [number, number] {
    const shown = this.shown();
    const span = shown && extent(...shown.series.map((s) => take(this.project.block, s.times)));
    const start = shown?.start ?? this.text.report?.time.start ?? 0;
    const end = span ? Math.max(span[1], this.project.view?.study.forecast.until ?? span[1]) : start + 10;
    return [this.from ?? start, this.to ?? end];
  }

  /** Writes the moved values into the model text; names those it could not write. */
  useValues(): string[] {
    const values = Object.fromEntries(this.changed.map((name) => [name, this.values[name] as number]));
    const { text, skipped } = writeValues(this.text.text, values);
    this.text.replace(text);
    return skipped;
  }

  /** Ends the simulation in flight; what waits behind it is forgotten. */
  async stop(): Promise<void> {
    this.#simulate.drop();
    this.stopping = true;
    try {
      await this.platform.rpc("simulate_stop", {});
    } catch (thrown) {
      this.stopping = false;
      this.log.report(thrown, "Stopping the simulation");
    }
  }

  async #ask(request: SimulateRequest): Promise<Trajectory> {
    this.#slow = setTimeout(() => (this.slow = true), SLOW_MS);
    try {
      return await this.#answer(request);
    } finally {
      clearTimeout(this.#slow);
      this.slow = this.stopping = false;
    }
  }

  async #answer(request: SimulateRequest): Promise<Trajectory> {
    const { value, block } = await this.platform.rpc("simulate", request);
    return {
      times: take(block, value.times),
      columns: value.columns.map((c) => ({ name: c.name, kind: c.kind, values: take(block, c.values) })),
      events: value.events,
      notes: value.notes,
      stats: value.stats,
    };
  }

  #forget(): void {
    this.#simulate.drop();
    this.#modelText = "";
    this.values = {};
    this.base = {};
    this.from = this.to = this.run = null;
    this.experiment = 0;
    this.trajectory = null;
    this.failure = null;
  }
}
