// Many trajectories of the model at values of its parameters: what is asked, where it is, what came of it.

import type { ApiError, ModelReport, ScanAxis, ScanOverview, ScanRequest } from "../generated/api";
import { toApiError, type Platform } from "../platform";
import type { ErrorLog } from "./errors.svelte";
import type { ExploreStore } from "./explore.svelte";
import type { ProjectStore } from "./project.svelte";
import { parameterRange, stateRange, type SliderRange } from "./sliders";
import type { TextStore } from "./text.svelte";

/** All combinations of values, random values between the ends, or the rows of a table. */
export type ScanWay = "grid" | "random" | "table";

/** What is shown: the overview, and what was asked for it. */
export type Scanned = { overview: ScanOverview; block: Float64Array; way: ScanWay; axes: ScanAxis[] };

/** Parameters that a grid may have: what a picture shows. */
const MOST_AXES = { grid: 2, random: 6, table: 0 };
/** Values of one parameter alone, and of each of two. */
const COUNTS = [61, 31];
const RANDOM = 200;
/** Numbers of a scan in the window, kept to be saved: 64 megabytes. */
const NUMBERS = 1 << 23;
/** Trajectories that the window takes. */
export const MOST_TRAJECTORIES = 1_000_000;

export class ScanStore {
  way = $state<ScanWay>("grid");
  axes = $state<ScanAxis[]>([]);
  random = $state(RANDOM);
  /** File of the table whose rows are solved. */
  table = $state<string | null>(null);
  device = $state("auto");
  /** Relative tolerance; null is the usual one. */
  rtol = $state<number | null>(null);

  running = $state(false);
  share = $state(0);
  left_s = $state<number | null>(null);
  stopping = $state(false);
  error = $state.raw<ApiError | null>(null);
  scanned = $state.raw<Scanned | null>(null);
  saving = $state(false);
  /** Where the numbers were written last. */
  saved = $state<string | null>(null);

  /** Trajectories that would be solved; null where only the table knows. */
  readonly count = $derived(this.way === "table" ? null : this.way === "random" ? this.random : this.axes.reduce((n, a) => n * a.count, 1));

  /** What was asked for, as text, to tell when the answer is of something else. */
  #of = $state("");
  #ended: Array<() => void> = [];

  constructor(
    private readonly platform: Platform,
    private readonly project: ProjectStore,
    private readonly text: TextStore,
    private readonly explore: ExploreStore,
    private readonly errors: ErrorLog,
  ) {
    project.onView((_, isOther) => {
      if (isOther) this.#forget();
    });
  }

  /** Model or settings have changed since. */
  get outdated(): boolean {
    return this.scanned !== null && this.#of !== JSON.stringify(this.request());
  }

  /** Why nothing can be scanned now; null when it can. */
  get refusal(): string | null {
    if (!this.text.report?.ok) return "The model text has errors; once it checks, its parameters can be scanned.";
    if (this.text.report.states.length === 0) return "The model has no states to solve for.";
    if (this.way === "table") return this.table === null ? "Choose the table whose rows are to be solved." : null;
    if (this.axes.length === 0) return "Choose a parameter.";
    if (new Set(this.axes.map((a) => a.name)).size < this.axes.length) return "A parameter is chosen twice.";
    const bad = this.axes.find((a) => axisRefusal(a) !== null);
    if (bad) return `${bad.name}: ${axisRefusal(bad)}.`;
    if ((this.count ?? 0) > MOST_TRAJECTORIES) return `These are ${(this.count ?? 0).toLocaleString("en")} trajectories; the window takes a million.`;
    return null;
  }

  /** What can be scanned, in the order of the model. */
  get names(): string[] {
    const report = this.text.report;
    return report ? [...report.parameters, ...report.states].map((x) => x.name) : [];
  }

  /** The model may have other names now: what is gone is left out, and something is always chosen. */
  follow(report: ModelReport): void {
    if (!report.ok) return;
    const known = new Set([...report.parameters, ...report.states].map((x) => x.name));
    if (this.axes.some((a) => !known.has(a.name))) this.axes = this.axes.filter((a) => known.has(a.name));
    if (this.axes.length === 0) this.addAxis();
  }

  get mayAdd(): boolean {
    return this.axes.length < Math.min(MOST_AXES[this.way], this.names.length);
  }

  addAxis(): void {
    const name = this.names.find((n) => !this.axes.some((a) => a.name === n));
    if (name === undefined || (this.axes.length > 0 && !this.mayAdd)) return;
    this.axes = [...this.axes, { name, ...this.#ends(name), count: 0 }];
    this.#usualCounts();
  }

  removeAxis(at: number): void {
    this.axes = this.axes.filter((_, i) => i !== at);
    this.#usualCounts();
  }

  /** Another parameter, with a range of its own. */
  rename(at: number, name: string): void {
    this.axes = this.axes.map((a, i) => (i === at ? { ...a, name, ...this.#ends(name) } : a));
  }

  change(at: number, part: Partial<ScanAxis>): void {
    this.axes = this.axes.map((a, i) => (i === at ? { ...a, ...part } : a));
  }

  chooseWay(way: ScanWay): void {
    this.way = way;
    if (way === "grid" && this.axes.length > MOST_AXES.grid) {
      this.axes = this.axes.slice(0, MOST_AXES.grid);
      this.#usualCounts();
    }
  }

  async pickTable(): Promise<void> {
    try {
      this.table = (await this.platform.pickOpen("data")) ?? this.table;
    } catch (thrown) {
      this.errors.report(thrown, "Choosing a table");
    }
  }

  async start(): Promise<void> {
    if (this.running || this.refusal !== null) return;
    this.running = true;
    this.share = 0;
    this.left_s = this.error = this.saved = null;
    this.stopping = false;
    const [way, axes] = [this.way, $state.snapshot(this.axes)];
    try {
      await this.project.beforeCommand();
      const request = this.request();
      const { value, block } = await this.platform.scan(request, (p) => {
        if (p.event !== "working") return;
        this.share = p.share;
        this.left_s = p.left_s;
      });
      this.scanned = { overview: value, block, way, axes: way === "table" ? [] : axes };
      this.#of = JSON.stringify(request);
    } catch (thrown) {
      // Who stops a scan knows why there is none.
      const error = toApiError(thrown);
      if (error.code !== "cancelled") this.error = this.errors.report(thrown, "Scanning");
    }
    this.running = this.stopping = false;
    for (const resolve of this.#ended.splice(0)) resolve();
  }

  async stop(): Promise<void> {
    if (!this.running || this.stopping) return;
    this.stopping = true;
    try {
      await this.platform.rpc("scan_stop", {});
    } catch (thrown) {
      this.errors.report(thrown, "Stopping the scan");
      this.stopping = false;
    }
  }

  async stopAndWait(): Promise<void> {
    if (!this.running) return;
    const ended = new Promise<void>((resolve) => this.#ended.push(resolve));
    await this.stop();
    if (this.stopping) await ended;
  }

  /** Writes all numbers of the scan that is shown as a table, where the user says. */
  async save(): Promise<void> {
    if (!this.scanned || this.saving) return;
    this.saving = true;
    try {
      const path = await this.platform.pickSave("scan.csv");
      if (path !== null) this.saved = (await this.platform.rpc("scan_save", { path })).value.path;
    } catch (thrown) {
      this.errors.report(thrown, "Saving the scan");
    }
    this.saving = false;
  }

  /** Everything that is not scanned is as it stands on the Explore screen. */
  request(): ScanRequest {
    const simulate = { ...this.explore.settings(), rtol: this.rtol, atol: this.rtol === null ? null : this.rtol / 100 };
    const axes = this.way === "table" ? [] : $state.snapshot(this.axes);
    return {
      simulate,
      axes,
      random: this.way === "random" ? this.random : null,
      numbers: NUMBERS,
      table: this.way === "table" ? this.table : null,
      device: this.device,
    };
  }

  #ends(name: string): { from: number; to: number; log: boolean } {
    const { low, high, log } = this.#range(name);
    const short = (x: number) => Number(x.toPrecision(4));
    return { from: short(low), to: short(high), log };
  }

  #range(name: string): SliderRange {
    const report = this.text.report;
    const parameter = report?.parameters.find((p) => p.name === name);
    if (parameter) return parameterRange({ ...parameter, value: this.explore.values[name] ?? parameter.value });
    const state = report?.states.find((s) => s.name === name);
    return state ? stateRange({ ...state, initial: this.explore.values[name] ?? state.initial }) : { low: 0, high: 1, log: false };
  }

  /** Counts that nobody chose follow from the number of parameters. */
  #usualCounts(): void {
    const usual = COUNTS[this.axes.length - 1] ?? COUNTS[1] ?? 0;
    this.axes = this.axes.map((a) => (a.count === 0 || COUNTS.includes(a.count) ? { ...a, count: usual } : a));
  }

  #forget(): void {
    void this.stop();
    this.scanned = this.error = this.saved = this.table = null;
    this.axes = [];
    this.way = "grid";
    this.#of = "";
  }
}

/** What is wrong with the ends of a range; null when nothing is. */
export function axisRefusal({ from, to, log }: ScanAxis): string | null {
  if (from === to) return "both ends are the same";
  if (log && !(from > 0 && to > 0)) return "for equal ratios both ends must be above 0";
  return null;
}
