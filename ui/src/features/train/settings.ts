// Solver and training settings of the study: what can be chosen, what a typed text may be, and edits of the recipe.

import type { GradientSummary, PluginList, SolverSummary, StageFile, StageView, StudyFile, TrainingFile } from "../../generated/api";
import { parseNumber } from "../../shared/numbers";

export type Choice = { id: string; name: string; hint: string };

const AUTO: Choice = { id: "auto", name: "Automatic", hint: "Chosen for the model; what was taken and why stands under the recipe." };

export const REACTIONS: Choice[] = [
  { id: "ode", name: "As differential equations", hint: "Concentrations change smoothly: right for many particles." },
  { id: "langevin", name: "With their noise", hint: "The chemical Langevin equation: each reaction brings noise of the size that its randomness has." },
  { id: "jumps", name: "One by one", hint: "Every reaction is a random event: exact for few particles, and the amounts are counts." },
];

/** Where a training begins. */
export const STARTS: Choice[] = [
  { id: "auto", name: "Automatic", hint: "As the recipe chooses: from the data where there is no network, over long spans from segments where that leads to nothing." },
  { id: "given", name: "At the start values", hint: "Where the model text has its parameters." },
  { id: "changes", name: "From the data", hint: "Where the equations have the changes of the smoothed data, if the loss is lower there. Needs every state measured." },
  { id: "segments", name: "From segments of the span", hint: "Multiple shooting: pieces of the span begin near the data and are made to join. For long oscillating or chaotic data, also where a state was not measured." },
];

const AUTO_GRADIENT: Choice = { id: "auto", name: "Automatic", hint: "Chosen by cost, which is measured on this study; the Gradient lab compares all of them." };

/** Gradient methods to choose from. */
export const gradientMenu = (known: GradientSummary[]): Choice[] => [AUTO_GRADIENT, ...known.map((m) => ({ id: m.id, name: m.title, hint: m.description }))];

/** Solvers to choose from: the built-in ones by what they are for, one group for each plugin that has some, and a stored value that neither has. */
export type SolverMenu = { groups: Array<{ name: string; solvers: Choice[] }>; unknown: string | null };

/** `plugins` is null while nobody has looked for them: then a plugin's solver is not yet unknown, but it is listed. */
export function solverMenu(stored: string, builtIn: SolverSummary[], plugins: PluginList | null): SolverMenu {
  const kinds = [...new Set(builtIn.map((m) => m.group))].map((name) => ({
    name,
    solvers: builtIn.filter((m) => m.group === name).map((m) => ({ id: m.id, name: m.name, hint: m.advice })),
  }));
  const groups = (plugins?.plugins ?? [])
    .filter((p) => p.problem === null && p.solvers.length > 0)
    .map((p) => ({ name: p.name, solvers: p.solvers.map(([id, name]) => ({ id, name, hint: `From the plugin ${p.name} ${p.version}.` })) }));
  const all = [{ name: "Chosen for you", solvers: [AUTO] }, ...kinds, ...groups];
  const known = all.some((g) => g.solvers.some((c) => c.id === stored));
  return { groups: all, unknown: known ? null : stored };
}

export function solverHint(stored: string, menu: SolverMenu, plugins: PluginList | null): string {
  const found = menu.groups.flatMap((g) => g.solvers).find((c) => c.id === stored);
  if (found) return found.hint;
  if (plugins === null && isPlugins(stored)) return "A plugin's solver.";
  return isPlugins(stored) ? "No installed plugin has this solver; install it or choose another." : "There is no such solver; choose another.";
}

/** Names of plugins' solvers have the plugin's id before a slash. */
export const isPlugins = (solver: string): boolean => solver.includes("/");

export function gradientHint(stored: string, solver: string, known: GradientSummary[]): string {
  const found = gradientMenu(known).find((c) => c.id === stored);
  if (!found) return "There is no such gradient; choose another.";
  if (isPlugins(solver) && known.some((m) => m.id === stored && m.exact)) return "It cannot go through a plugin's solver; take the Gauss adjoint, or let it be chosen.";
  return found.hint;
}

/** Largest count the engine takes. */
const MOST = 2 ** 32 - 1;

type Refuse = (text: string) => string | null;
const unless = (fits: (value: number) => boolean, wanted: string): Refuse => (text) => {
  const value = parseNumber(text);
  return value !== null && fits(value) ? null : wanted;
};

// For `TextInput.refuse`, like those of `shared/numbers`.
export const refuseTolerance = unless((v) => v > 0 && v < 1, "a number between 0 and 1, such as 1e-6");
export const refuseCount = unless((v) => Number.isInteger(v) && v >= 1 && v <= MOST, "a whole number from 1 on");
export const refuseMemory: Refuse = (text) => (/^\d+(\.\d+)?\s*([kmgt]i?b?|b)?$/i.test(text) && parseFloat(text) > 0 ? null : "an amount such as 64 MB or 2 GB");
export const refuseCountOrNothing: Refuse = (text) => (text === "" ? null : refuseCount(text));
export const refuseRate = unless((v) => v > 0, "a positive number, such as 0.05");
export const refusePercent = unless((v) => v > 0 && v <= 100, "a share above 0 and up to 100 %");
export const refusePositive = unless((v) => v > 0, "a positive number");
export const refusePaths = unless((v) => Number.isInteger(v) && v >= 2 && v <= 100_000, "a whole number from 2 to 100000");
export const refuseStarts = unless((v) => Number.isInteger(v) && v >= 1 && v <= 10_000, "a whole number from 1 to 10000");
export const refuseFactor = unless((v) => v > 1, "a number above 1, such as 10");
export const refusePopulation = unless((v) => v === 0 || (Number.isInteger(v) && v >= 4 && v <= 10_000), "0 for as many as usual, or a whole number from 4 to 10000");
export const refuseBatch = unless((v) => Number.isInteger(v) && v >= 0 && v <= MOST, "0 for all of them, or a whole number");
export const refusePatience = unless((v) => Number.isInteger(v) && v >= 0 && v <= MOST, "0 for none, or a whole number of iterations");
export const refuseSegments = unless((v) => v === 0 || (Number.isInteger(v) && v >= 2 && v <= MOST), "0 for none, or a whole number from 2");
export const refuseBeta2 = unless((v) => v >= 0 && v < 1, "0 or a number below 1, such as 0.999");
export const refuseWeight = unless((v) => v >= 0, "0 or a positive number");
// Beyond this a number of the window no longer holds every whole number.
export const refuseSeed = unless((v) => Number.isSafeInteger(v) && v >= 0, "a whole number from 0 on");

/** A setting as text that reads back as the same number: `1e-6`, `0.05`, `100000`. */
export function written(value: number): string {
  return value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential().replace("e+", "e") : String(value);
}

/** A share as a percentage, without the dust of the multiplication. */
export const percent = (share: number): string => String(Number((share * 100).toPrecision(12)));

/** Optimisers of a stage, with the names that the engine gives them. */
export const OPTIMISERS: Choice[] = [
  { id: "adam", name: "Adam", hint: "First order, with a rate: walks through rough ground." },
  { id: "adamw", name: "AdamW", hint: "Adam with a decay of network weights that stays out of its averages." },
  { id: "lbfgs", name: "L-BFGS", hint: "Learns the curvature from gradients: finishes." },
  { id: "lbfgsb", name: "L-BFGS-B", hint: "L-BFGS within the bounds as they are: an optimum on a bound is reached exactly." },
  { id: "lm", name: "Levenberg–Marquardt", hint: "Knows the curvature of a sum of squares or a likelihood: few iterations, for few parameters." },
  { id: "cmaes", name: "CMA-ES", hint: "Looks around at random and learns the shape of the ground: leaves poor minima, needs no gradient, for few parameters." },
];

/** Only these have a rate, a schedule and a bound of the gradient. */
export const isAdam = (optimiser: string): boolean => optimiser === "adam" || optimiser === "adamw";

/** How the rate goes over a stage. */
export const SCHEDULES: Choice[] = [
  { id: "constant", name: "Constant", hint: "" },
  { id: "cosine", name: "Cosine", hint: "" },
  { id: "exponential", name: "Exponential", hint: "" },
];

/** Bounds of the gradient's norm. */
export const CLIPS: Choice[] = [
  { id: "none", name: "None", hint: "" },
  { id: "norm", name: "At a norm", hint: "" },
  { id: "relative", name: "Times its average", hint: "" },
];

/** What a stage moves. */
export const SCOPES: Choice[] = [
  { id: "all", name: "Everything", hint: "" },
  { id: "scalars", name: "All but weights", hint: "" },
  { id: "weights", name: "Network weights", hint: "" },
  { id: "all-but-noise", name: "All but the noise", hint: "" },
  { id: "noise", name: "The noise", hint: "" },
];

export const EVERY_STAGE: StageFile = {
  optimiser: "adam",
  iterations: 300,
  rate: 0.05,
  horizon: 1,
  schedule: "constant",
  down_to: 0.1,
  clip: "none",
  clip_at: 5,
  scope: "all",
  decay: 0.01,
  beta2: 0.999,
  spread: 1,
  population: 0,
  batch: 0,
  patience: 0,
  segments: 0,
};

/** What a stage of the study is called where stages are shown. */
export const optimiserName = (id: string): string => OPTIMISERS.find((o) => o.id === id)?.name ?? id;

/** The shown stages as a study writes them. */
export function toStages(shown: StageView[]): StageFile[] {
  const stages = shown.map((s) => ({ ...s.file }));
  return stages.length > 0 ? stages : [{ ...EVERY_STAGE }];
}

/** Makes the shown stages the study's own. Without effect when it has its own already. */
export function ownStages(training: TrainingFile, shown: StageView[]): void {
  if (training.recipe === "custom") return;
  training.recipe = "custom";
  training.stages = toStages(shown);
}

export function defaultRecipe(training: TrainingFile): void {
  training.recipe = "default";
  training.stages = [];
}

/** A new last stage: over all of the data, otherwise like the one before it. */
export function addStage(training: TrainingFile): void {
  training.stages.push({ ...(training.stages.at(-1) ?? EVERY_STAGE), horizon: 1 });
}

export function duplicateStage(training: TrainingFile, at: number): void {
  const stage = training.stages[at];
  if (stage) training.stages.splice(at + 1, 0, { ...stage });
}

/** A recipe keeps at least one stage. */
export function removeStage(training: TrainingFile, at: number): void {
  if (training.stages.length > 1) training.stages.splice(at, 1);
}

export function moveStage(training: TrainingFile, from: number, to: number): void {
  if (to < 0 || to >= training.stages.length) return;
  training.stages.splice(to, 0, ...training.stages.splice(from, 1));
}

/** Says so when the bound of all iterations shortens the study's own stages; `planned` is what will run. */
export function shortened(training: TrainingFile, planned: StageView[]): string | null {
  const sum = (stages: Array<{ iterations: number }>) => stages.reduce((n, s) => n + s.iterations, 0);
  const most = training.iterations;
  if (training.recipe !== "custom" || most === null || sum(training.stages) <= most) return null;
  return `At most ${most} iterations together: they are shortened to ${planned.map((s) => s.iterations).join(" + ") || most}.`;
}

/** Whether two studies train alike, data and model aside. */
export function sameSettings(a: StudyFile, b: StudyFile): boolean {
  const parts = ({ seed, solver, training }: StudyFile) => JSON.stringify([seed, solver, training]);
  return parts(a) === parts(b);
}

/** The settings in a line, for a closed panel. */
export function digest({ seed, solver, training }: StudyFile): string {
  return [
    solver.method === "auto" ? null : solver.method.split("/").at(-1),
    REACTIONS.find((r) => r.id === solver.reactions && r.id !== "ode")?.name.toLowerCase() ?? null,
    `rtol ${written(solver.rtol)}`,
    training.start === "auto" ? null : STARTS.find((r) => r.id === training.start)?.name.toLowerCase() ?? null,
    training.gradient === "auto" ? null : training.gradient,
    training.memory === "256 MiB" ? null : `≤ ${training.memory}`,
    training.check ? null : "gradient unchecked",
    training.iterations === null ? null : `≤ ${training.iterations} iterations`,
    training.starts === 1 ? null : `${training.starts} starts`,
    training.l2 > 0 ? `l2 ${written(training.l2)}` : null,
    training.patience > 0 ? `patience ${training.patience}` : null,
    `seed ${seed}`,
  ]
    .filter((x) => x !== null)
    .join(", ");
}

/** The engine's sentence on the method of a run, in its two parts. */
export function methodParts(method: string): { solver: string; gradient: string } | null {
  const found = /^solver (.+?); gradient (.+)$/s.exec(method);
  return found?.[1] && found[2] ? { solver: sentence(found[1]), gradient: sentence(found[2]) } : null;
}

/** Ends with a full stop. */
export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
