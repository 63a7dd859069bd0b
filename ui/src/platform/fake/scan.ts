// A scan of the recorded host: its own trajectories, told as the engine tells an overview.

import type { Progress, ScanAxis, ScanOverview, ScanRequest } from "../../generated/api";
import { take } from "../../model/slices";
import type { Framed } from "../frame";
import { Block } from "./block";
import { check } from "./language";
import { COST, simulate } from "./simulate";

const TIMES = 101;
const MOST_CURVES = 200;
const SHARES = [0.05, 0.25, 0.5, 0.75, 0.95] as const;
const STEPS = 10;
const NONE = { start: 0, len: 0 };

/** The value at a share of the way from one end to the other. */
const inside = ({ from, to, log }: ScanAxis, share: number) => (log ? from * (to / from) ** share : from + (to - from) * share);
/** Fractions of multiples of an irrational number: even, and the same each time. */
const chance = (i: number, column: number) => (0.5 + (i + 1) * (column === 0 ? 0.6180339887498949 : 0.7548776662466927)) % 1;

function valuesOf({ axes, random }: ScanRequest): number[][] {
  if (random !== null) return axes.map((a, column) => Array.from({ length: random }, (_, i) => inside(a, chance(i, column))));
  const count = axes.reduce((n, a) => n * a.count, 1);
  let behind = count;
  return axes.map((a) => {
    behind /= a.count;
    const each = behind;
    return Array.from({ length: count }, (_, k) => inside(a, (Math.floor(k / each) % a.count) / Math.max(1, a.count - 1)));
  });
}

export class FakeScan {
  #stopped = false;
  #wake: () => void = () => undefined;

  constructor(
    private readonly request: ScanRequest,
    private readonly emit: (progress: Progress) => void,
    private readonly step_ms: number,
    private readonly held: boolean,
  ) {}

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  async run(): Promise<Framed<ScanOverview>> {
    for (let step = 0; step < STEPS && !this.#stopped; step += 1) {
      this.emit({ event: "working", what: "trajectories", share: step / STEPS, left_s: step > 0 ? STEPS - step : null });
      const held = this.held && step === 4;
      await new Promise<void>((resolve) => (held ? (this.#wake = resolve) : setTimeout(resolve, this.step_ms)));
    }
    if (this.#stopped) throw { code: "cancelled", message: "the simulation was stopped", advice: null, details: [] };
    return this.#overview();
  }

  #overview(): Framed<ScanOverview> {
    const { request } = this;
    const [names, values] = request.table === null ? [request.axes.map((a) => a.name), valuesOf(request)] : [["alpha"], [[0.4, 0.5, 0.6]]];
    const count = values[0]?.length ?? 0;
    const states = new Set(check(request.simulate.text).states.map((x) => x.name));
    const found = Array.from({ length: count }, (_, k) => {
      const set = { ...request.simulate.set, ...Object.fromEntries(names.map((n, i) => [n, values[i]?.[k] ?? 0])) };
      return simulate({ ...request.simulate, set, points: TIMES });
    });
    const block = new Block();
    const first = found[0];
    if (!first) throw { code: "study", message: "there are no trajectories: no values to scan were given", advice: null, details: [] };
    const many = Math.min(count, MOST_CURVES);
    const shown = Array.from({ length: many }, (_, i) => (count <= MOST_CURVES ? i : Math.floor((i * (count - 1)) / (many - 1))));
    const value: ScanOverview = {
      count,
      points: names.map((name, i) => ({ name, initial: states.has(name), values: block.put(values[i] ?? []) })),
      times: block.put(take(first.block, first.value.times)),
      columns: first.value.columns.map(({ name, kind }, c) => {
        const rows = found.map(({ value, block }) => take(block, value.columns[c]?.values ?? NONE));
        const at = Array.from({ length: TIMES }, (_, i) => rows.map((row) => row[i] ?? NaN).sort((a, b) => a - b));
        return {
          name, kind,
          quantiles: SHARES.map((p) => block.put(at.map((sorted) => sorted[Math.round(p * (sorted.length - 1))] ?? NaN))) as ScanOverview["columns"][number]["quantiles"],
          last: block.put(rows.map((row) => row[TIMES - 1] ?? NaN)),
          least: block.put(rows.map((row) => row.reduce((a, b) => Math.min(a, b)))),
          greatest: block.put(rows.map((row) => row.reduce((a, b) => Math.max(a, b)))),
          curves: block.put(shown.flatMap((k) => [...(rows[k] ?? [])])),
        };
      }),
      shown,
      failed: 0,
      failures: [],
      device: "processor",
      on_card: 0,
      notes: ["the processor: all of it takes about 4 ms there"],
      stats: { ...COST, method: "tsit5", accepted: 40 * count, solve_s: 0.0038 },
    };
    return { value, block: block.done() };
  }
}
