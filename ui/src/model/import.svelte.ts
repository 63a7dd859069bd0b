// A table on its way into the project: read, looked at, columns chosen, stored.

import type { ModelReport, PreviewRequest, TablePreview } from "../generated/api";
import type { Platform } from "../platform";
import type { ErrorLog } from "./errors.svelte";
import type { ProjectStore } from "./project.svelte";

export class ImportStore {
  preview = $state.raw<TablePreview | null>(null);
  block = $state.raw<Float64Array>(new Float64Array());
  reading = $state(false);
  storing = $state(false);
  name = $state("");
  time = $state("");
  /** Observation or input → column; an empty column leaves it out. */
  columns = $state<Record<string, string>>({});

  #source: PreviewRequest | null = null;

  constructor(
    private readonly platform: Platform,
    private readonly project: ProjectStore,
    private readonly errors: ErrorLog,
  ) {
    project.onView((_, isOther) => {
      if (isOther) this.cancel();
    });
  }

  readonly mapped = $derived(Object.values(this.columns).some((c) => c !== ""));

  async pick(report: ModelReport | null): Promise<void> {
    try {
      const path = await this.platform.pickOpen("data");
      if (path !== null) await this.read({ path, text: null, sheet: null }, report);
    } catch (thrown) {
      this.errors.report(thrown, "Choosing a file");
    }
  }

  async read(source: PreviewRequest, report: ModelReport | null): Promise<void> {
    this.reading = true;
    try {
      const { value, block } = await this.platform.rpc("data_preview", source);
      this.#source = source;
      this.preview = value;
      this.block = block;
      this.name = value.name;
      this.time = value.time ?? value.columns[0]?.name ?? "";
      const observations = report?.observations.map((o) => o.name) ?? [];
      const candidates = value.columns.filter((c) => c.numeric && c.name !== this.time).map((c) => c.name);
      this.columns = bindColumns(observations, report?.inputs ?? [], candidates);
    } catch (thrown) {
      this.errors.report(thrown, "Reading the table");
    } finally {
      this.reading = false;
    }
  }

  async sheet(sheet: string, report: ModelReport | null): Promise<void> {
    if (this.#source) await this.read({ ...this.#source, sheet }, report);
  }

  /** Stores the table; false when the engine refused. */
  async store(): Promise<boolean> {
    if (!this.#source) return false;
    this.storing = true;
    const columns = Object.fromEntries(Object.entries(this.columns).filter(([, column]) => column !== ""));
    const done = await this.project.edit({ kind: "import-table", source: this.#source, name: this.name.trim(), time: this.time, columns });
    this.storing = false;
    if (done) this.cancel();
    return done;
  }

  cancel(): void {
    this.#source = null;
    this.preview = null;
    this.block = new Float64Array();
  }
}

/** Columns of inputs, which the model names, and of observations among the others. */
export function bindColumns(observations: string[], inputs: Array<{ name: string; column: string }>, columns: string[]): Record<string, string> {
  const named = inputs.map((input) => [input.name, columns.includes(input.column) ? input.column : ""] as const);
  const rest = columns.filter((c) => !named.some(([, column]) => column === c));
  return { ...guessColumns(observations, rest), ...Object.fromEntries(named) };
}

/** Matches observations with columns: same name, then shared words, then the order they come in. */
export function guessColumns(observations: string[], columns: string[]): Record<string, string> {
  const free = new Set(columns);
  const result: Record<string, string> = {};
  const give = (observation: string, column: string | undefined) => {
    if (column === undefined) return;
    result[observation] = column;
    free.delete(column);
  };
  for (const o of observations) give(o, [...free].find((c) => c.toLowerCase() === o.toLowerCase()));
  for (const o of observations) {
    if (o in result) continue;
    const words = new Set(wordsOf(o));
    const scored = [...free].map((c) => ({ c, score: wordsOf(c).filter((w) => words.has(w)).length }));
    scored.sort((a, b) => b.score - a.score);
    if (scored[0] && scored[0].score > 0) give(o, scored[0].c);
  }
  // Only when nothing is ambiguous: as many columns left as observations.
  const open = observations.filter((o) => !(o in result));
  if (open.length === free.size) open.forEach((o) => give(o, [...free][0]));
  for (const o of observations) result[o] ??= "";
  return result;
}

function wordsOf(name: string): string[] {
  return name.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((w) => w.length > 1);
}
