// One run in full: what the Results screen shows.

import type { RunView } from "../generated/api";
import type { Platform } from "../platform";
import type { ErrorLog } from "./errors.svelte";
import type { ProjectStore } from "./project.svelte";

export class ResultsStore {
  selected = $state<string | null>(null);
  run = $state.raw<RunView | null>(null);
  block = $state.raw<Float64Array>(new Float64Array());
  loading = $state(false);
  /** A run that could not be read; asked for again only by the user. */
  failed = $state<string | null>(null);
  /** Where the last report was written. */
  reportPath = $state<string | null>(null);
  reporting = $state(false);

  constructor(
    private readonly platform: Platform,
    private readonly project: ProjectStore,
    private readonly errors: ErrorLog,
  ) {
    project.onView((view, isOther) => {
      if (isOther) this.#forget();
      else if (this.selected !== null && !view.runs.some((r) => r.id === this.selected)) this.#forget();
    });
  }

  async select(id: string): Promise<void> {
    this.selected = id;
    this.reportPath = null;
    this.loading = true;
    this.failed = null;
    try {
      const { value, block } = await this.platform.rpc("run_view", { run: id });
      if (this.selected !== id) return;
      this.run = value;
      this.block = block;
    } catch (thrown) {
      if (this.selected !== id) return;
      this.run = null;
      this.failed = id;
      this.errors.report(thrown, "Reading the run");
    } finally {
      if (this.selected === id) this.loading = false;
    }
  }

  async report(): Promise<void> {
    if (this.selected === null || this.reporting) return;
    this.reporting = true;
    try {
      await this.project.beforeCommand();
      const { value } = await this.platform.rpc("report", { project: null, run: this.selected, out: null });
      this.reportPath = value.path;
    } catch (thrown) {
      this.errors.report(thrown, "Writing the report");
    } finally {
      this.reporting = false;
    }
  }

  #forget(): void {
    this.selected = this.run = this.reportPath = this.failed = null;
    this.block = new Float64Array();
    this.loading = false;
  }
}
