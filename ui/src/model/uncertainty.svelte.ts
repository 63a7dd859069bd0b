// How sure a run is: the stored answers about the run that is looked at, and the one being found.

import type { ApiError, UncertaintyRequest, UncertaintySummary, UncertaintyView } from "../generated/api";
import type { Platform } from "../platform";
import type { ErrorLog } from "./errors.svelte";
import type { ProjectStore } from "./project.svelte";

/** What the user may choose; null is the usual value. */
export type UncertaintyChoice = { method: string; chains: number | null; warmup: number | null; draws: number | null; seed: number | null };

export class UncertaintyStore {
  /** Run whose answers these are. */
  run = $state<string | null>(null);
  answers = $state.raw<UncertaintySummary[]>([]);
  view = $state.raw<UncertaintyView | null>(null);
  block = $state.raw<Float64Array>(new Float64Array());
  loading = $state(false);
  choice = $state<UncertaintyChoice>({ method: "nuts", chains: null, warmup: null, draws: null, seed: null });

  /** Run about which an answer is being found. */
  asking = $state<string | null>(null);
  done = $state(0);
  total = $state(0);
  left_s = $state<number | null>(null);
  stopping = $state(false);
  error = $state.raw<ApiError | null>(null);

  readonly running = $derived(this.asking !== null);
  readonly progress = $derived(this.total > 0 ? this.done / this.total : 0);

  #ended: Array<() => void> = [];

  constructor(
    private readonly platform: Platform,
    private readonly project: ProjectStore,
    private readonly errors: ErrorLog,
  ) {
    project.onView((view, isOther) => {
      if (isOther || (this.run !== null && !view.runs.some((r) => r.id === this.run))) this.#forget();
    });
  }

  /** Reads the answers about a run and shows the newest. */
  async look(run: string): Promise<void> {
    if (this.run === run) return;
    this.#forget();
    this.run = run;
    await this.#read(async () => {
      const { answers } = (await this.platform.rpc("uncertainty_list", { run })).value;
      if (this.run !== run) return;
      this.answers = answers;
      const newest = answers[0];
      if (newest) await this.#show(newest.id);
    });
  }

  select = (id: string): Promise<void> => this.#read(() => this.#show(id));

  async start(): Promise<void> {
    const run = this.run;
    if (this.running || run === null) return;
    this.asking = run;
    this.done = this.total = 0;
    this.left_s = this.error = null;
    this.stopping = false;
    try {
      await this.project.beforeCommand();
      const chains = this.choice.method === "nuts" ? {} : { chains: null, warmup: null };
      const request: UncertaintyRequest = { run, points: null, ...this.choice, ...chains };
      const { value, block } = await this.platform.uncertainty(request, (p) => {
        if (p.event !== "sampling") return;
        this.done = p.done;
        this.total = p.total;
        this.left_s = p.left_s;
      });
      if (this.run === run) {
        this.view = value;
        this.block = block;
        this.answers = [value.summary, ...this.answers];
      }
    } catch (thrown) {
      this.error = this.errors.report(thrown, "Asking how sure the run is");
    }
    this.asking = null;
    this.stopping = false;
    for (const resolve of this.#ended.splice(0)) resolve();
  }

  /** What has been drawn by then is kept. */
  async stop(): Promise<void> {
    if (!this.running || this.stopping) return;
    this.stopping = true;
    try {
      await this.platform.rpc("job", { action: "stop" });
    } catch (thrown) {
      this.errors.report(thrown, "Stopping the draws");
      this.stopping = false;
    }
  }

  async stopAndWait(): Promise<void> {
    if (!this.running) return;
    const ended = new Promise<void>((resolve) => this.#ended.push(resolve));
    await this.stop();
    if (this.stopping) await ended;
  }

  /** Deletes the answer that is shown. */
  async remove(): Promise<void> {
    const [run, id] = [this.run, this.view?.summary.id];
    if (id === undefined) return;
    await this.#read(async () => {
      const { answers } = (await this.platform.rpc("uncertainty_delete", { id })).value;
      if (this.run !== run) return;
      this.answers = answers;
      this.view = null;
      const newest = answers[0];
      if (newest) await this.#show(newest.id);
    });
  }

  async #show(id: string): Promise<void> {
    const run = this.run;
    const { value, block } = await this.platform.rpc("uncertainty_view", { id });
    if (this.run !== run) return;
    this.view = value;
    this.block = block;
  }

  async #read(work: () => Promise<void>): Promise<void> {
    this.loading = true;
    try {
      await work();
    } catch (thrown) {
      this.errors.report(thrown, "Reading how sure the run is");
    }
    this.loading = false;
  }

  #forget(): void {
    this.run = this.view = this.error = null;
    this.answers = [];
    this.block = new Float64Array();
  }
}
