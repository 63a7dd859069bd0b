// The comparison of gradient methods on the open project.

import type { ApiError, GradientReply } from "../generated/api";
import type { Platform } from "../platform";
import type { ErrorLog } from "./errors.svelte";
import type { ProjectStore } from "./project.svelte";

export type ComparisonPhase = "idle" | "running" | "done" | "failed";

export class GradientStore {
  phase = $state<ComparisonPhase>("idle");
  /** The method that runs now, as people read it. */
  now = $state("");
  done = $state(0);
  total = $state(0);
  stopping = $state(false);
  reply = $state.raw<GradientReply | null>(null);
  error = $state.raw<ApiError | null>(null);
  /** Model, data or settings as they were when the comparison was made, to tell when they have changed. */
  #of = $state("");

  readonly running = $derived(this.phase === "running");
  readonly progress = $derived(this.total > 0 ? this.done / this.total : 0);

  #ended: Array<() => void> = [];
  #generation = 0;

  constructor(
    private readonly platform: Platform,
    private readonly project: ProjectStore,
    private readonly errors: ErrorLog,
  ) {
    project.onView((_, isOther) => {
      if (isOther && !this.running) this.#clear("idle");
    });
  }

  /** Whether the study has changed since: what is shown is of an older one. */
  get outdated(): boolean {
    return this.reply !== null && this.#of !== this.#mark();
  }

  async start(): Promise<void> {
    if (this.running || !this.project.isOpen) return;
    this.#clear("running");
    const generation = ++this.#generation;
    try {
      await this.project.beforeCommand();
      this.#of = this.#mark();
      const request = { study: null, method: null, check: true, compare: true, memory: null, hessian: false };
      const { value } = await this.platform.gradient(request, (p) => {
        if (generation !== this.#generation || p.event !== "comparing") return;
        this.now = p.method;
        this.done = p.done;
        this.total = p.total;
      });
      this.reply = value;
      this.phase = "done";
    } catch (thrown) {
      this.error = this.errors.report(thrown, "Comparing gradients");
      this.phase = "failed";
    }
    this.stopping = false;
    for (const resolve of this.#ended.splice(0)) resolve();
  }

  /** What has been measured by then is shown. */
  async stop(): Promise<void> {
    if (!this.running || this.stopping) return;
    this.stopping = true;
    try {
      await this.platform.rpc("job", { action: "stop" });
    } catch (thrown) {
      this.errors.report(thrown, "Stopping the comparison");
      this.stopping = false;
    }
  }

  async stopAndWait(): Promise<void> {
    if (!this.running) return;
    const ended = new Promise<void>((resolve) => this.#ended.push(resolve));
    await this.stop();
    if (this.stopping) await ended;
  }

  #mark(): string {
    const view = this.project.view;
    return view ? JSON.stringify([view.model, view.study]) : "";
  }

  #clear(phase: ComparisonPhase): void {
    this.phase = phase;
    this.reply = this.error = null;
    this.now = this.#of = "";
    this.done = this.total = 0;
    this.stopping = false;
  }
}
