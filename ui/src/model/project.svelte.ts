// The open project as the engine tells it. The engine owns the data; this is the last view of it.

import type { Edit, ProjectView, StudyFile } from "../generated/api";
import type { Framed, Platform } from "../platform";
import type { ErrorLog } from "./errors.svelte";

type Received = (view: ProjectView, isOther: boolean) => void;

export class ProjectStore {
  view = $state.raw<ProjectView | null>(null);
  /** Numbers of `view`. */
  block = $state.raw<Float64Array>(new Float64Array());
  /** What is being opened or saved, for the title bar. */
  doing = $state<string | null>(null);

  readonly isOpen = $derived(this.view !== null);
  readonly errorsInStudy = $derived(this.view?.problem.problems.filter((p) => p.severity === "error") ?? []);

  #queue: Promise<unknown> = Promise.resolve();
  #received: Received[] = [];
  /** Work that must reach the engine before any other command: pending edits of the model text. */
  beforeCommand: () => Promise<void> = () => Promise.resolve();

  constructor(
    private readonly platform: Platform,
    private readonly errors: ErrorLog,
  ) {}

  /** Called with every view; `isOther` when it is another project than before. */
  onView(handle: Received): void {
    this.#received.push(handle);
  }

  create = () => this.#replace("Making a project", () => this.platform.rpc("project_new", {}));
  openExample = (id: string) => this.#replace("Opening the example", () => this.platform.rpc("project_example", { id }));
  open = (path: string) => this.#replace("Opening the project", () => this.platform.rpc("project_open", { path }));

  async pickAndOpen(): Promise<boolean> {
    const path = await this.#picked(() => this.platform.pickOpen("project"));
    return path !== null && this.open(path);
  }

  /** Saves; asks for a place when there is none yet or `elsewhere`. False when nothing was saved. */
  async save(elsewhere = false): Promise<boolean> {
    if (!this.view) return false;
    await this.beforeCommand();
    let path = elsewhere ? null : this.view.path;
    path ??= await this.#picked(() => this.platform.pickSave(`${safeName(this.view?.title ?? "project")}.slopefield`));
    if (path === null) return false;
    const target = path;
    return this.#attempt("Saving the project", async () => this.#apply(await this.platform.rpc("project_save_as", { path: target }), false));
  }

  async close(): Promise<boolean> {
    await this.beforeCommand();
    return this.#attempt("Closing the project", async () => {
      await this.platform.rpc("project_close", {});
      this.view = null;
      this.block = new Float64Array();
    });
  }

  /** Sends an edit; views come back in the order of the edits. */
  async edit(edit: Edit): Promise<boolean> {
    if (edit.kind !== "model") await this.beforeCommand();
    return this.#attempt("Changing the project", async () => this.#apply(await this.platform.rpc("project_edit", edit), false));
  }

  /**
   * Edits a copy of the study and sends it. The copy is made when its turn comes, so that quick edits keep
   * one another; `change` must not read an event, which is over by then.
   */
  async editStudy(change: (study: StudyFile) => void): Promise<boolean> {
    await this.beforeCommand();
    return this.#attempt("Changing the project", async () => {
      if (!this.view) return;
      const study = structuredClone(this.view.study);
      change(study);
      this.#apply(await this.platform.rpc("project_edit", { kind: "study", study }), false);
    });
  }

  async undo(): Promise<void> {
    await this.beforeCommand();
    if (!this.view?.undo) return;
    await this.#attempt("Undoing", async () => this.#apply(await this.platform.rpc("project_undo", {}), false));
  }

  async redo(): Promise<void> {
    await this.beforeCommand();
    if (!this.view?.redo) return;
    await this.#attempt("Redoing", async () => this.#apply(await this.platform.rpc("project_redo", {}), false));
  }

  async refresh(): Promise<void> {
    await this.#attempt("Reading the project", async () => this.#apply(await this.platform.rpc("project_view", {}), false));
  }

  async #replace(doing: string, ask: () => Promise<Framed<ProjectView>>): Promise<boolean> {
    await this.beforeCommand();
    this.doing = doing;
    const done = await this.#attempt(doing, async () => this.#apply(await ask(), true));
    this.doing = null;
    return done;
  }

  #apply({ value, block }: Framed<ProjectView>, isOther: boolean): void {
    this.view = value;
    this.block = block;
    for (const handle of this.#received) handle(value, isOther);
  }

  /** One command at a time; a failure goes to the error list. */
  #attempt(doing: string, work: () => Promise<void>): Promise<boolean> {
    const next = this.#queue.then(async () => {
      try {
        await work();
        return true;
      } catch (thrown) {
        this.errors.report(thrown, doing);
        return false;
      }
    });
    this.#queue = next;
    return next;
  }

  async #picked(ask: () => Promise<string | null>): Promise<string | null> {
    try {
      return await ask();
    } catch (thrown) {
      this.errors.report(thrown, "Choosing a file");
      return null;
    }
  }
}

/** A title as a file name. */
export function safeName(title: string): string {
  return (
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}]+/gu, "-")
      .replace(/^-+|-+$/g, "") || "project"
  );
}
