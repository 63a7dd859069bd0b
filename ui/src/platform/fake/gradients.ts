// A comparison of gradient methods, as the engine tells it for the hare and lynx.

import type { GradientReply, GradientResult, GradientSummary, Progress } from "../../generated/api";

export const GRADIENTS: GradientSummary[] = [
  { id: "discrete", title: "Discrete adjoint", description: "Exact reverse of the solver's own steps; a few solves, whatever the number of parameters.", exact: true },
  { id: "forward", title: "Forward sensitivities", description: "Tangent of the solver's own steps; one product per step and parameter.", exact: true },
  { id: "gauss", title: "Gauss adjoint", description: "Continuous adjoint along the stored solution, parameters by Gauss quadrature; through every solver.", exact: false },
  { id: "backsolve", title: "Backsolve adjoint", description: "Integrates the solution back beside its adjoint; constant memory, and wrong where the way back is not the way there.", exact: false },
];

const NAMES = ["alpha", "beta", "gamma", "delta", "hare0", "lynx0", "sigma_h", "sigma_l"];
const VALUES = [53.49, -1732.95, 4553.0, -29519.8, 1.25, -0.75, 12.5, 8.25];
const FORWARD = 22.4e-6;

const measured = (at: number, over: Partial<GradientResult>): GradientResult => {
  const { id, title, description, exact } = GRADIENTS[at] ?? { id: "", title: "", description: "", exact: false };
  const seconds = over.seconds ?? FORWARD;
  return {
    method: id, title, description, exact, seconds, over_forward: seconds / FORWARD, estimate: 0.9 * seconds, memory: 26_000, forward_evaluations: 463,
    reverse_products: 462, agreement: 0, check: 3e-10, unchecked: null, allowed: exact ? 1e-6 : 1e-2, values: VALUES, ...over,
  };
};

const RESULTS: GradientResult[] = [
  measured(0, { seconds: 57.6e-6 }),
  measured(1, { seconds: 204e-6, memory: 26_400, reverse_products: 4620, agreement: 4e-15 }),
  measured(2, { seconds: 142e-6, memory: 9_900, reverse_products: 812, agreement: 6e-6, check: 2e-5 }),
];

export class FakeComparison {
  #stopped = false;

  constructor(
    private readonly emit: (progress: Progress) => void,
    private readonly step_ms: number,
  ) {}

  stop(): void {
    this.#stopped = true;
  }

  async run(): Promise<GradientReply> {
    const methods: GradientResult[] = [];
    const refused: GradientReply["refused"] = [];
    for (const [done, { id, title, description }] of GRADIENTS.entries()) {
      if (this.#stopped) break;
      this.emit({ event: "comparing", method: title, done, total: GRADIENTS.length });
      if (this.step_ms > 0) await new Promise((resolve) => setTimeout(resolve, this.step_ms));
      const result = RESULTS.find((m) => m.method === id);
      if (result) methods.push(result);
      else refused.push({ method: id, title, description, reason: "the way back drifts from the way there: at t = 1903 it is 12 % off; use `gauss`" });
    }
    return {
      loss: 4324.598, names: NAMES, states: 2, solver: "Tsit5: a trial solve of 77 steps at the start values was not stiff",
      forward_seconds: FORWARD, forward_evaluations: 463, methods, refused, chosen: "discrete",
      choice: "Discrete adjoint: about 2.3 forward solves (52 µs) for 10 unknowns, and exact; 9.2 by forward, 5.1 by gauss. Measured at the start values: f 9.3 ns, vᵀJ 21 ns, J·v 14 ns, a solve 22 µs in 77 steps",
      stopped: this.#stopped,
      hessian: null,
    };
  }
}
