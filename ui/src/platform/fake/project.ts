// The open project of the recorded host: edits with undo, and what the study amounts to.

import type { Edit, ProjectView, UncertaintySummary, UncertaintyView, RunView, StudyFile, StudyProblem, StudyReport } from "../../generated/api";
import { namesOf } from "../../model/columns";
import type { Framed } from "../frame";
import { Block } from "./block";
import { check } from "./language";
import { EMPTY_MODEL, MODEL } from "./samples";
import { recipeOf, settingProblems, solverReason } from "./study";
import { readTable, viewOf, type Table } from "./table";

type Content = { model: string; study: StudyFile; tables: Record<string, Table> };
export type StoredRun = Framed<RunView>;
/** Points of one observation, as numbers. */
export type Series = { observation: string; times: number[]; values: number[]; heldOut: number[] };
export type Experiment = { name: string; start: number; holdOutFrom: number | null; series: Series[] };

export class FakeProject {
  path: string | null = null;
  saved = false;
  runs: StoredRun[] = [];
  answers: Array<Framed<UncertaintyView>> = [];
  #undo: Array<{ what: string; before: Content }> = [];
  #redo: Array<{ what: string; after: Content }> = [];

  constructor(
    public title: string,
    public content: Content,
  ) {}

  static example(id: string, title: string): FakeProject {
    const study = emptyStudy();
    study.data["pelts"] = { file: "pelts", time: "year", columns: { hare_pelts: "hare_thousands", lynx_pelts: "lynx_thousands" } };
    study.experiment.push({ name: "hudson bay", data: "pelts", start: 1900, hold_out: "1915..", set: {}, local: [], steady: false });
    study.forecast.until = 1930;
    const model = id.endsWith("network") ? MODEL.replace("let eaten", "network encounter: mlp(inputs: 2, outputs: 2, hidden: [16, 16])\n\nlet eaten") : MODEL;
    const table = readTable({ path: null, text: null, sheet: null });
    return new FakeProject(title, { model, study, tables: { pelts: { ...table, source: "hudson_bay_lynx_hare.csv" } } });
  }

  static empty(): FakeProject {
    return new FakeProject("Untitled", { model: EMPTY_MODEL, study: emptyStudy(), tables: {} });
  }

  /** Stored answers about how sure a run is, newest first. */
  answersOf(run: string): UncertaintySummary[] {
    return this.answers.map((a) => a.value.summary).filter((a) => a.run === run).reverse();
  }

  answer(id: string): Framed<UncertaintyView> {
    const found = this.answers.find((a) => a.value.summary.id === id);
    if (!found) throw { code: "project", message: `the project has no result \`${id}\` about uncertainty`, advice: null };
    return found;
  }

  edit(edit: Edit): void {
    const before = structuredClone(this.content);
    const what = { model: "edit the model", study: "change the study", "import-table": "import a table", "remove-table": "remove a table" }[edit.kind];
    if (edit.kind === "model") this.content.model = edit.text;
    if (edit.kind === "study") this.content.study = structuredClone(edit.study);
    if (edit.kind === "import-table") {
      const table = readTable(edit.source);
      this.content.tables[edit.name] = table;
      this.content.study.data[edit.name] = { file: edit.name, time: edit.time, columns: edit.columns };
      const start = table.columns.find((c) => c.name === edit.time)?.values[0] ?? null;
      this.content.study.experiment.push({ name: edit.name, data: edit.name, start, hold_out: null, set: {}, local: [], steady: false });
    }
    if (edit.kind === "remove-table") {
      const drop = <T>(from: Record<string, T>) => Object.fromEntries(Object.entries(from).filter(([name]) => name !== edit.name));
      this.content.tables = drop(this.content.tables);
      this.content.study.data = drop(this.content.study.data);
      this.content.study.experiment = this.content.study.experiment.filter((e) => e.data !== edit.name);
    }
    this.#undo.push({ what, before });
    this.#redo = [];
    this.saved = this.path !== null;
  }

  undo(): void {
    const step = this.#undo.pop();
    if (!step) return;
    this.#redo.push({ what: step.what, after: this.content });
    this.content = step.before;
  }

  redo(): void {
    const step = this.#redo.pop();
    if (!step) return;
    this.#undo.push({ what: step.what, before: this.content });
    this.content = step.after;
  }

  view(): Framed<ProjectView> {
    const block = new Block();
    const tables = Object.entries(this.content.tables).map(([name, table]) => viewOf(table, name, block));
    const value: ProjectView = {
      path: this.path,
      file: this.path ?? "/home/ada/.local/share/slopefield/drafts/1.slopefield",
      title: this.title,
      saved: this.saved,
      read_only: null,
      model: this.content.model,
      study: structuredClone(this.content.study),
      tables,
      runs: this.runs.map((r) => r.value.summary).reverse(),
      undo: this.#undo.at(-1)?.what ?? null,
      redo: this.#redo.at(-1)?.what ?? null,
      problem: this.report(block),
    };
    return { value, block: block.done() };
  }

  experiments(): Experiment[] {
    const { study, tables } = this.content;
    const observations = check(this.content.model).observations;
    return study.experiment.map((e) => {
      const table = tables[e.data];
      const source = study.data[e.data];
      const times = table?.columns.find((c) => c.name === source?.time)?.values ?? [];
      const [low, high] = range(e.hold_out);
      const series = observations.flatMap((o) => {
        const column = table?.columns.find((c) => namesOf(source?.columns[o.name])[0] === c.name);
        if (!column) return [];
        return [{ observation: o.name, times, values: column.values, heldOut: times.map((t) => (t >= low && t <= high ? 1 : 0)) }];
      });
      return { name: e.name, start: e.start ?? times[0] ?? 0, holdOutFrom: e.hold_out && low > -Infinity ? low : null, series };
    });
  }

  report(block: Block): StudyReport {
    const model = check(this.content.model);
    const experiments = this.experiments();
    const problems: StudyProblem[] = [];
    if (!model.ok) problems.push({ severity: "error", place: "model", message: "The model text has errors." });
    if (model.observations.length === 0) problems.push({ severity: "error", place: "model", message: "The model observes nothing. Add a line such as `observe y = x`." });
    if (experiments.length === 0) problems.push({ severity: "error", place: "data", message: "There is no data. Import a table with a time column and one column per observation." });
    for (const e of experiments) {
      if (e.series.length === 0) problems.push({ severity: "error", place: `data.${e.name}.columns`, message: `No column of \`${e.name}\` belongs to an observation. Choose one on the Data screen.` });
    }
    const known = problems.length === 0;
    const recipe = recipeOf(this.content.study);
    problems.push(...settingProblems(this.content.study));
    const ok = problems.length === 0;
    return {
      ok,
      problems,
      experiments: experiments.map((e) => ({
        name: e.name,
        start: e.start,
        hold_out_from: e.holdOutFrom,
        series: e.series.map((s) => ({ observation: s.observation, times: block.put(s.times), values: block.put(s.values), held_out: block.put(s.heldOut), censored: block.put([]) })),
      })),
      stages: known ? recipe.stages : [],
      recipe_reason: known ? recipe.reason : "",
      solver_reason: known ? solverReason(this.content.study) : "",
    };
  }
}

function emptyStudy(): StudyFile {
  return {
    model: null,
    seed: 1,
    data: {},
    experiment: [],
    solver: { method: "auto", rtol: 1e-6, atol: 1e-8, max_steps: 100000, reactions: "ode", paths: 64 },
    training: { recipe: "default", start: "auto", gradient: "auto", memory: "256 MiB", device: "auto", check: true, iterations: null, l2: 0, patience: 0, starts: 1, starts_factor: 10, stages: [] },
    forecast: { until: null, bands: "none" },
  };
}

/** Ends of `1915..`, `..1903`, `5..7`; an empty range when there is none. */
function range(text: string | null): [number, number] {
  const m = /^\s*([-\d.e]*?)\s*\.\.\s*([-\d.e]*)\s*$/.exec(text ?? "");
  if (!m) return [Infinity, -Infinity];
  return [m[1] ? Number(m[1]) : -Infinity, m[2] ? Number(m[2]) : Infinity];
}
