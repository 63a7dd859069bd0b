// Trajectories as the engine tells them.

import type { SimulateRequest, Simulation, SolveStats } from "../../generated/api";
import type { Framed } from "../frame";
import { Block } from "./block";
import { check } from "./language";
import { grid, lotka } from "./lotka";

export const COST: SolveStats = { method: "tsit5", reason: "Tsit5, the default.", accepted: 0, rejected: 0, rhs: 0, jacobians: 0, factorisations: 0, events: 0, compile_s: 0, solve_s: 0 };

/** A trajectory: hare and lynx, or a decay of the first state. */
export function simulate(request: SimulateRequest): Framed<Simulation> {
  const report = check(request.text);
  if (!report.ok) throw { code: "model", message: "the model text has errors", advice: "See the Model screen." };
  const defaults = Object.fromEntries([...report.parameters.map((p) => [p.name, p.value]), ...report.states.map((s) => [s.name, s.initial])]);
  const v: Record<string, number> = { ...defaults, ...request.set };
  const n = (name: string) => v[name] ?? 0;
  const from = request.from ?? 0;
  const times = request.at.length ? request.at : grid(from, request.to ?? from + 10, request.points ?? 201);
  const block = new Block();
  const begun = performance.now();
  const timeSlice = block.put(times);
  if (!("hare" in v)) {
    const [state, rate] = [report.states[0]?.name ?? "x", report.parameters[0]?.name ?? "k"];
    const values = block.put(times.map((t) => n(state) * Math.exp(-n(rate) * (t - from))));
    const stats = { ...COST, accepted: 24, rhs: 150, solve_s: 0.0001 };
    return { value: { times: timeSlice, columns: [{ name: state, kind: "state", values }], events: [], notes: [], stats }, block: block.done() };
  }
  const path = lotka({ alpha: n("alpha"), beta: n("beta"), gamma: n("gamma"), delta: n("delta"), hare: n("hare"), lynx: n("lynx") }, from, times);
  const eaten = path.hare.map((h, i) => n("beta") * h * (path.lynx[i] ?? 0));
  const columns: Simulation["columns"] = [
    { name: "hare", kind: "state", values: block.put(path.hare) },
    { name: "lynx", kind: "state", values: block.put(path.lynx) },
    { name: "eaten", kind: "let", values: block.put(eaten) },
    { name: "hare_pelts", kind: "observation", values: block.put(path.hare) },
    { name: "lynx_pelts", kind: "observation", values: block.put(path.lynx) },
  ];
  const stats = { ...COST, accepted: Math.round(path.steps / 8), rejected: 3, rhs: Math.round(path.steps * 0.8), compile_s: 0.0004, solve_s: (performance.now() - begun) / 1000 };
  return { value: { times: timeSlice, columns, events: [], notes: [], stats }, block: block.done() };
}
