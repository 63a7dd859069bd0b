// What the network of the recorded study has learned: about the product of hare and lynx.

import type { CompareReply, ModelScore, Progress, ReplaceReply, ReplaceRequest, TermFormula, TermsReply, TermsRequest } from "../../generated/api";
import { take } from "../../model/slices";
import type { Framed } from "../frame";
import { Block } from "./block";
import type { FakeProject } from "./project";
import { grid } from "./lotka";

const OUTPUTS = ["encounter[1]", "encounter[2]"];
const RATES = [0.0283, 0.024];
const NEAR = 0.1;

function formulas(rate: number): TermFormula[] {
  return [
    { text: String(12 * rate), complexity: 1, error: 1, validated: 1.2, recommended: false },
    { text: `${rate}*hare*lynx`, complexity: 3, error: 0.03, validated: 0.035, recommended: true },
    { text: `${rate}*hare*lynx/(1 + 0.0004*hare + 0.0001*lynx)`, complexity: 8, error: 0.02, validated: 0.03, recommended: false },
  ];
}

export function termsOf(project: FakeProject, request: TermsRequest): Framed<TermsReply> {
  const run = project.runs.find((r) => r.value.summary.id === request.run);
  if (!run) throw { code: "project", message: `the project has no run \`${request.run ?? ""}\``, advice: null };
  if (!/^network /m.test(run.value.model)) throw { code: "model", message: "the model has no learned term: no network is applied in it", advice: null };
  const block = new Block();
  const experiment = run.value.experiments[0];
  const curves = run.value.curves[0];
  const times = curves ? Array.from(take(run.block, curves.times)) : [];
  const column = (k: number) => (curves?.observations[k] ? Array.from(take(run.block, curves.observations[k].values)) : []);
  const until = (experiment?.hold_out_from ?? Infinity) - 1;
  const visited = [column(0), column(1)].map((c) => c.filter((_, i) => (times[i] ?? 0) <= until));
  const names = ["hare", "lynx"];
  const ranges = visited.map((v): [number, number] => [Math.min(...v), Math.max(...v)]);
  const held = names.map((n, i) => request.held[n] ?? [...(visited[i] ?? [])].sort((a, b) => a - b)[Math.floor((visited[i]?.length ?? 0) / 2)] ?? 0);
  const banded = project.answersOf(run.value.summary.id).length > 0;
  const inputs = names.map((name, i) => {
    const [low, high] = ranges[i] ?? [0, 1];
    const margin = 0.1 * (high - low);
    const at = grid(low - margin, high + margin, request.points ?? 81);
    const other = held[1 - i] ?? 0;
    return {
      name, range: [low, high] as [number, number], held: held[i] ?? 0, visited: block.put(visited[i] ?? []), at: block.put(at),
      curves: RATES.map((rate) => {
        const value = at.map((x) => rate * x * other);
        const edge = (factor: number) => block.put(value.map((v) => v * factor));
        return { value: block.put(value), band: banded ? ([edge(0.9), edge(1.1)] as [ReturnType<typeof edge>, ReturnType<typeof edge>]) : null };
      }),
      distance: block.put(at.map((x) => Math.max(0, (low - x) / (high - low), (x - high) / (high - low)) * 2)),
    };
  });
  const distances = experiment && times.length > 0
    ? [{
        experiment: experiment.name, trained_until: until, times: block.put(times),
        values: block.put(times.map((t) => Math.max(0, 0.02 * (t - until)))),
        sentence: "from year = 1919 on the network `encounter` is asked about states that it never saw, up to 0.32 of the visited range away from the nearest it saw",
      }]
    : [];
  const terms = [{ name: "encounter", outputs: OUTPUTS, inputs, distances, formulas: request.formulas ? RATES.map(formulas) : [] }];
  return { value: { run: run.value.summary, time: "year", terms, near: NEAR, spread: banded ? "Draws from the posterior (NUTS)" : null, notes: [] }, block: block.done() };
}

/** A search for formulas that comes forward in steps of a tenth; one that is held stays at 40 % until it is stopped. */
export class FakeSearch {
  #stopped = false;
  #wake: () => void = () => undefined;

  constructor(
    private readonly project: FakeProject,
    private readonly request: TermsRequest,
    private readonly emit: (progress: Progress) => void,
    private readonly step_ms: number,
    private readonly held: boolean,
  ) {}

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async run(): Promise<Framed<TermsReply>> {
    let tenths = 0;
    for (; tenths < 10 && !this.#stopped; tenths += 1) {
      this.emit({ event: "working", what: "formulas", share: tenths / 10, left_s: tenths > 0 ? 12 - tenths : null });
      const held = this.held && tenths === 4;
      await new Promise<void>((resolve) => (held ? (this.#wake = resolve) : setTimeout(resolve, this.step_ms)));
    }
    const found = termsOf(this.project, this.request);
    if (this.#stopped) found.value.notes.push(`the search for formulas was stopped at ${10 * (tenths - 1)} %: longer ones may be better`);
    return found;
  }
}

export function replaceTerms(project: FakeProject, request: ReplaceRequest): ReplaceReply {
  const run = project.runs.find((r) => r.value.summary.id === request.run);
  const replaced = request.choices.map((c): [string, string] => [c.output, formulas(RATES[OUTPUTS.indexOf(c.output)] ?? 1)[(c.formula ?? 2) - 1]?.text ?? ""]);
  const params = replaced.map(([, text], i) => `param encounter_${i + 1} = ${Number.parseFloat(text)} in [-1, 1]`).join("\n");
  const text = (run?.value.model ?? "").replace(/^network .*$/m, params);
  return { text, replaced, parameters: {}, comparison: [] };
}

export function compareRuns(project: FakeProject, runs: string[]): CompareReply {
  const scores = runs.flatMap((id): ModelScore[] => {
    const found = project.runs.find((r) => r.value.summary.id === id)?.value;
    if (!found) return [];
    const { number, loss, log_likelihood, hold_out } = found.summary;
    const { free: parameters, points, aic, bic } = found.criteria;
    return [{ name: `run ${number}`, parameters, points, loss: loss ?? NaN, log_likelihood, hold_out, aic, bic }];
  });
  return { scores, differing: [] };
}
