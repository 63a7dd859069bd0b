// Settings of the study as the engine reads them: the stages a recipe comes to, and what cannot be.

import type { StageFile, StageView, StudyFile, StudyProblem } from "../../generated/api";

import { EVERY_STAGE, isAdam, optimiserName } from "../../features/train/settings";

const view = (file: StageFile): StageView => ({
  optimiser: optimiserName(file.optimiser),
  iterations: file.iterations,
  rate: isAdam(file.optimiser) ? file.rate : null,
  horizon: file.horizon,
  details: details(file),
  file,
});

const DEFAULT: StageView[] = [
  { ...EVERY_STAGE, iterations: 80, horizon: 0.4 },
  { ...EVERY_STAGE, iterations: 120, rate: 0.03 },
  { ...EVERY_STAGE, optimiser: "lbfgs", iterations: 100 },
].map(view);

function details(s: StageFile): string {
  const adam = isAdam(s.optimiser);
  return [
    adam && s.schedule !== "constant" ? `falling to ${s.down_to * 100} % (${s.schedule})` : null,
    adam && s.clip !== "none" ? `gradient at most ${s.clip_at}${s.clip === "relative" ? " times its average" : ""}` : null,
    adam && s.beta2 !== EVERY_STAGE.beta2 ? `beta2 ${s.beta2}` : null,
    adam && s.batch > 0 ? `${s.batch} experiment${s.batch === 1 ? "" : "s"} an iteration` : null,
    s.optimiser === "adamw" ? `decay ${s.decay}` : null,
    s.optimiser === "cmaes" ? `spread ${s.spread}` : null,
    s.optimiser === "cmaes" && s.population > 0 ? `${s.population} places a generation` : null,
    { all: null, scalars: "without weights", weights: "weights only", "all-but-noise": "all but the noise", noise: "noise only" }[s.scope] ?? null,
  ]
    .filter((x) => x !== null)
    .join(", ");
}

export function recipeOf({ training }: StudyFile): { stages: StageView[]; reason: string } {
  if (training.recipe !== "custom") {
    return { stages: capped(DEFAULT, training.iterations), reason: "Oscillating data over three periods: the horizon grows first, so that the fit cannot settle on a flat line." };
  }
  return { stages: capped(training.stages.map(view), training.iterations), reason: "The stages are those of the study." };
}

/** Shortens every stage in proportion; the lengths add up to the bound exactly. */
function capped(stages: StageView[], most: number | null): StageView[] {
  const total = stages.reduce((n, s) => n + s.iterations, 0);
  if (most === null || total <= most) return stages;
  let [used, given] = [0, 0];
  return stages
    .map((s) => {
      used += s.iterations;
      const until = Math.floor((used * most) / total);
      const iterations = until - given;
      given = until;
      return { ...s, iterations, file: { ...s.file, iterations } };
    })
    .filter((s) => s.iterations > 0);
}

export function solverReason({ solver }: StudyFile): string {
  return solver.method === "auto" ? "Tsit5, or an implicit method if a trial solve at the start values finds the equations stiff" : `${solver.method}, as the study says`;
}

export function gradientReason({ training }: StudyFile): string {
  return training.gradient === "auto" ? "Discrete adjoint: about 2.6 forward solves (58 µs) for 8 unknowns, and exact; 9.1 by forward, 4.0 by gauss." : `${training.gradient}, as the study says`;
}

export function settingProblems({ solver, training }: StudyFile): StudyProblem[] {
  const found: StudyProblem[] = [];
  const wrong = (place: string, message: string) => found.push({ severity: "error", place, message });
  for (const [name, value] of [["rtol", solver.rtol], ["atol", solver.atol]] as const) {
    if (!(value > 0 && value < 1)) wrong(`solver.${name}`, `${value} is no tolerance; take a number between 0 and 1, e.g. 1e-6`);
  }
  if (!(solver.max_steps > 0)) wrong("solver.max_steps", "at least one step is needed");
  if (!["default", "custom"].includes(training.recipe)) wrong("training.recipe", `\`${training.recipe}\` is unknown; there are \`default\` and \`custom\``);
  if (!/^[\d.]+ *([kmgt]?i?b)?$/i.test(training.memory)) wrong("training.memory", `\`${training.memory}\` is no amount of memory; write it like \`64 MB\` or \`2 GB\``);
  if (!["auto", "forward", "discrete", "gauss"].includes(training.gradient)) wrong("training.gradient", `\`${training.gradient}\` is unknown; there are \`auto\`, \`forward\`, \`discrete\` and \`gauss\``);
  if (!(training.starts >= 1)) wrong("training.starts", `the number of starts must be 1 to 10000, not ${training.starts}`);
  if (!(training.l2 >= 0)) wrong("training.l2", "the weight must be 0 or a positive number");
  if (training.recipe === "custom" && training.stages.length === 0) wrong("training.stages", "a custom recipe needs at least one stage, `[[training.stages]]`");
  training.stages.forEach((s, i) => {
    if (!(s.rate > 0)) wrong(`training.stages ${i + 1}: rate`, "the rate must be positive");
    if (!(s.horizon > 0 && s.horizon <= 1)) wrong(`training.stages ${i + 1}: horizon`, "the horizon is a share of the time span, above 0 and at most 1");
  });
  return found;
}
