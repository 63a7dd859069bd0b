// What the networks of a run have learned, formulas for them, and how runs compare.

import type { ApiError, CompareReply, TermsReply, TermsRequest } from "../generated/api";
import type { Platform } from "../platform";
import { Coalescer } from "./coalesce";
import type { ErrorLog } from "./errors.svelte";
import type { ProjectStore } from "./project.svelte";

/** Whether a model text has networks; a word in a comment costs a question too many, no more. */
export const hasNetworks = (text: string): boolean => /^\s*network\s/m.test(text);

export class TermsStore {
  /** Run that is looked at. */
  run = $state<string | null>(null);
  view = $state.raw<TermsReply | null>(null);
  block = $state.raw<Float64Array>(new Float64Array());
  error = $state.raw<ApiError | null>(null);
  loading = $state(false);
  /** Values at which inputs are held, where they are not the medians. */
  held = $state<Record<string, number>>({});
  /** Formulas are being looked for: the share that is done, and the seconds left. */
  finding = $state(false);
  share = $state(0);
  left_s = $state<number | null>(null);
  stopping = $state(false);
  /** Outputs to be replaced, and the place of the formula in the list of each, from 1. */
  chosen = $state<Record<string, number>>({});
  /** The model text is being written. */
  replacing = $state(false);
  /** The run whose networks were replaced last: what a new run is compared with first. */
  origin = $state<string | null>(null);

  /** The run that the shown one is compared with. */
  beside = $state<string | null>(null);
  comparison = $state.raw<CompareReply | null>(null);

  readonly found = $derived(this.view?.terms.some((t) => t.formulas.length > 0) ?? false);

  #ask: Coalescer<TermsRequest, void>;
  #ended: Array<() => void> = [];

  constructor(
    private readonly platform: Platform,
    private readonly project: ProjectStore,
    private readonly errors: ErrorLog,
  ) {
    this.#ask = new Coalescer(
      (request) => this.#read(request),
      () => undefined,
      (thrown, request) => {
        if (request.run === this.run) this.error = errors.report(thrown, "Looking at learned terms");
      },
    );
    project.onView((view, isOther) => {
      if (isOther || (this.run !== null && !view.runs.some((r) => r.id === this.run))) this.#forget();
      if (isOther) this.origin = null;
    });
  }

  /** Reads the terms of a run. `answer` is the newest answer about how sure it is, which gives the bands. */
  look(run: string, answer: string | null): void {
    const asked = `${run} ${answer ?? ""}`;
    if (this.#asked === asked) return;
    if (this.run !== run) this.#forget();
    this.#asked = asked;
    this.run = run;
    this.#submit();
  }
  #asked = "";

  /** Holds an input at a value while the others vary. */
  hold(name: string, value: number): void {
    this.held = { ...this.held, [name]: value };
    this.#submit();
  }

  /** Looks for formulas; sliders go on answering meanwhile. */
  async find(): Promise<void> {
    const run = this.run;
    if (this.finding || run === null) return;
    const request = this.#request(true);
    this.finding = true;
    this.share = 0;
    this.left_s = this.error = null;
    try {
      const { value, block } = await this.platform.terms(request, (p) => {
        if (p.event !== "working") return;
        this.share = p.share;
        this.left_s = p.left_s;
      });
      if (this.run === run) {
        this.#ask.drop();
        this.view = value;
        this.block = block;
      }
    } catch (thrown) {
      const error = this.errors.report(thrown, "Looking for formulas");
      if (this.run === run) this.error = error;
    }
    this.finding = this.stopping = false;
    for (const resolve of this.#ended.splice(0)) resolve();
    if (this.run !== run || !this.found) return;
    // What is held otherwise since is asked for again.
    if (JSON.stringify(this.held) !== JSON.stringify(request.held)) this.#submit();
    for (const t of this.view?.terms ?? [])
      t.formulas.forEach((list, i) => {
        const best = list.findIndex((f) => f.recommended);
        const output = t.outputs[i];
        if (output !== undefined && best >= 0) this.chosen[output] = best + 1;
      });
  }

  /** Ends the search; what was found by then is kept. */
  async stop(): Promise<void> {
    if (!this.finding || this.stopping) return;
    this.stopping = true;
    try {
      await this.platform.rpc("job", { action: "stop" });
    } catch (thrown) {
      this.errors.report(thrown, "Stopping the search for formulas");
      this.stopping = false;
    }
  }

  async stopAndWait(): Promise<void> {
    if (!this.finding) return;
    const ended = new Promise<void>((resolve) => this.#ended.push(resolve));
    await this.stop();
    if (this.stopping) await ended;
  }

  /** Takes a formula for an output, or the network again. */
  choose(output: string, formula: number | null): void {
    if (formula === null) {
      this.chosen = Object.fromEntries(Object.entries(this.chosen).filter(([name]) => name !== output));
    } else this.chosen[output] = formula;
  }

  /** Puts the chosen formulas into the model text; false when that could not be done. */
  async replace(): Promise<boolean> {
    const run = this.run;
    const choices = Object.entries(this.chosen).map(([output, formula]) => ({ output, formula }));
    if (run === null || choices.length === 0 || this.replacing) return false;
    this.replacing = true;
    try {
      await this.project.beforeCommand();
      const { value } = await this.platform.rpc("replace_terms", { study: null, project: null, run, choices, refit: false });
      const done = await this.project.edit({ kind: "model", text: value.text });
      if (done) this.origin = run;
      return done;
    } catch (thrown) {
      this.error = this.errors.report(thrown, "Writing the formulas into the model");
      return false;
    } finally {
      this.replacing = false;
    }
  }

  /** Compares a run with another one; null compares with none. */
  async compare(run: string, other: string | null): Promise<void> {
    this.beside = other;
    this.comparison = null;
    if (other === null) return;
    try {
      const { value } = await this.platform.rpc("compare_runs", { runs: [other, run] });
      if (this.beside === other) this.comparison = value;
    } catch (thrown) {
      this.errors.report(thrown, "Comparing runs");
    }
  }

  #submit(formulas = this.found): void {
    this.error = null;
    this.#ask.submit(this.#request(formulas));
  }

  #request(formulas: boolean): TermsRequest {
    return { study: null, project: null, run: this.run, held: { ...this.held }, points: null, until: null, spread: null, seed: null, formulas };
  }

  async #read(request: TermsRequest): Promise<void> {
    this.loading = true;
    try {
      const { value, block } = await this.platform.rpc("terms", request);
      // Without formulas, asked before they were found.
      if (this.run !== request.run || (this.found && !request.formulas)) return;
      this.view = value;
      this.block = block;
    } finally {
      this.loading = false;
    }
  }

  #forget(): void {
    this.#ask.drop();
    this.#asked = "";
    this.run = this.view = this.error = null;
    this.block = new Float64Array();
    this.held = {};
    this.chosen = {};
    this.beside = this.comparison = null;
  }
}
