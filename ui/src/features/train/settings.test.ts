import { describe, expect, test } from "vitest";
import type { PluginList, StageFile, StudyFile, TrainingFile } from "../../generated/api";
import * as is from "./settings";

const stage = (iterations: number, over: Partial<StageFile> = {}): StageFile => ({ ...is.EVERY_STAGE, iterations, ...over });
const shown = (file: StageFile) => ({ optimiser: is.optimiserName(file.optimiser), iterations: file.iterations, rate: is.isAdam(file.optimiser) ? file.rate : null, horizon: file.horizon, details: "", file });
const own = (...stages: StageFile[]): TrainingFile => ({ recipe: "custom", start: "auto", gradient: "auto", memory: "256 MiB", device: "auto", check: true, iterations: null, l2: 0, patience: 0, starts: 1, starts_factor: 10, stages });
const counts = (t: TrainingFile) => t.stages.map((s) => s.iterations);

describe("the recipe", () => {
  test("keeps the optimiser of every stage", () => {
    const t: TrainingFile = { ...own(), recipe: "default" };
    const stages = is.OPTIMISERS.map((o) => stage(10, { optimiser: o.id, scope: "scalars", schedule: "cosine", clip: "norm", decay: 0.3 }));
    is.ownStages(t, stages.map(shown));
    expect(t.stages).toEqual(stages);
    t.stages[0]!.iterations = 99;
    expect(stages[0]!.iterations).toBe(10);
    expect(is.OPTIMISERS.map((o) => is.optimiserName(o.id))).toEqual(is.OPTIMISERS.map((o) => o.name));
  });
  test("becomes the study's own from the stages shown, and goes back", () => {
    const t: TrainingFile = { ...own(), recipe: "default" };
    is.ownStages(t, [stage(80, { rate: 0.02, horizon: 0.4 }), stage(100, { optimiser: "lbfgs" })].map(shown));
    expect(t.recipe).toBe("custom");
    expect(t.stages).toEqual([stage(80, { rate: 0.02, horizon: 0.4 }), stage(100, { optimiser: "lbfgs" })]);
    is.ownStages(t, []);
    expect(t.stages.length).toBe(2);
    is.defaultRecipe(t);
    expect([t.recipe, t.stages]).toEqual(["default", []]);
  });

  test("has a stage even where none was shown", () => {
    const t: TrainingFile = { ...own(), recipe: "default" };
    is.ownStages(t, []);
    expect(t.stages.length).toBe(1);
    is.removeStage(t, 0);
    expect(t.stages.length).toBe(1);
  });

  test("stages are added, duplicated, moved and removed; copies are independent", () => {
    const t = own(stage(1, { horizon: 0.5 }), stage(2), stage(3));
    is.moveStage(t, 0, 2);
    expect(counts(t)).toEqual([2, 3, 1]);
    is.moveStage(t, 0, -1);
    is.moveStage(t, 2, 3);
    expect(counts(t)).toEqual([2, 3, 1]);
    is.addStage(t);
    expect(t.stages[3]).toEqual(stage(1, { horizon: 1 }));
    is.duplicateStage(t, 0);
    expect(counts(t)).toEqual([2, 2, 3, 1, 1]);
    t.stages[1]!.iterations = 9;
    expect(counts(t)).toEqual([2, 9, 3, 1, 1]);
    is.removeStage(t, 1);
    expect(counts(t)).toEqual([2, 3, 1, 1]);
  });

  test("says when the bound of all iterations shortens it", () => {
    const t = own(stage(100), stage(50));
    const planned = [20, 10].map((iterations) => shown(stage(iterations)));
    expect(is.shortened(t, planned)).toBeNull();
    expect(is.shortened({ ...t, iterations: 150 }, planned)).toBeNull();
    expect(is.shortened({ ...t, iterations: 30 }, planned)).toContain("20 + 10");
    expect(is.shortened({ ...t, iterations: 30, recipe: "default" }, planned)).toBeNull();
  });
});

describe("typed texts", () => {
  test.each([
    ["tolerance", is.refuseTolerance, ["1e-6", "0.5", " 1E-12 "], ["0", "1", "-1e-6", "1e-6x", "", "1,5"]],
    ["count", is.refuseCount, ["1", "300", "1e5", "4294967295"], ["0", "1.5", "-3", "", "4294967296", "many"]],
    ["count or nothing", is.refuseCountOrNothing, ["", "7"], ["0", "x"]],
    ["rate", is.refuseRate, ["0.05", "2"], ["0", "-0.1", "", "Infinity"]],
    ["percentage", is.refusePercent, ["40", "100", "0.5"], ["0", "101", "40 %", ""]],
    ["positive number", is.refusePositive, ["5", "1e-3"], ["0", "-1", ""]],
    ["starts", is.refuseStarts, ["1", "20"], ["0", "1.5", "10001", ""]],
    ["factor", is.refuseFactor, ["10", "1.5"], ["1", "0", ""]],
    ["population", is.refusePopulation, ["0", "4", "60"], ["3", "-1", "4.5", "10001", ""]],
    ["batch", is.refuseBatch, ["0", "1", "60"], ["-1", "4.5", ""]],
    ["weight", is.refuseWeight, ["0", "1e-3"], ["-1", "", "NaN"]],
    ["seed", is.refuseSeed, ["0", "1", "9007199254740991"], ["-1", "1.5", "9007199254740993", ""]],
  ] as const)("%s", (_, refuse, good, bad) => {
    expect(good.map(refuse)).toEqual(good.map(() => null));
    expect(bad.filter((t) => refuse(t) === null)).toEqual([]);
  });

  test("a stored value is written so that it reads back as itself", () => {
    for (const value of [1e-6, 2.5e-9, 0.05, 0.001, 100000, 4294967295, 0, 1 / 3]) expect(Number(is.written(value))).toBe(value);
    expect([1e-6, 1e-10, 0.05, 100000].map(is.written)).toEqual(["1e-6", "1e-10", "0.05", "100000"]);
    expect([0.07, 0.3, 1, 1 / 3].map(is.percent)).toEqual(["7", "30", "100", "33.3333333333"]);
  });
});

describe("solvers and gradients", () => {
  const trust = { state: "trusted" as const, changes: [], publisher: [], homepage: "", manifest: "", library: "" };
  const plugin = { id: "org.a", name: "Stiff ones", version: "1.0", license: "MIT", path: "/p", networks: [], trust, problem: null };
  const plugins: PluginList = { plugins: [{ ...plugin, solvers: [["org.a/rodas", "RODAS"]] }, { ...plugin, id: "org.b", solvers: [["org.b/x", "X"]], problem: "broken" }], folders: [] };

  const builtIn = [
    { id: "tsit5", name: "Tsit5", group: "Not stiff", advice: "The default." },
    { id: "bdf", name: "BDF", group: "Stiff", advice: "For stiff equations." },
    { id: "bs3", name: "BS3", group: "Not stiff", advice: "Cheap steps." },
  ];

  test("solvers are grouped by what they are for; plugins that work have a group; an unknown value stays", () => {
    const menu = (stored: string, list: PluginList | null) => is.solverMenu(stored, builtIn, list);
    expect(menu("auto", plugins).groups.map((g) => [g.name, g.solvers.map((s) => s.id)])).toEqual([
      ["Chosen for you", ["auto"]],
      ["Not stiff", ["tsit5", "bs3"]],
      ["Stiff", ["bdf"]],
      ["Stiff ones", ["org.a/rodas"]],
    ]);
    expect(menu("org.a/rodas", plugins).unknown).toBeNull();
    expect(menu("org.b/x", plugins).unknown).toBe("org.b/x");
    expect(is.solverHint("bdf", menu("bdf", null), null)).toBe("For stiff equations.");
    expect(is.solverHint("org.b/x", menu("org.b/x", plugins), plugins)).toContain("No installed plugin");
    expect(is.solverHint("org.b/x", menu("org.b/x", null), null)).not.toContain("No installed plugin");
    expect(is.solverHint("euler", menu("euler", plugins), plugins)).toContain("no such solver");
  });

  test("a gradient that cannot go through a plugin's solver says so", () => {
    const known = [
      { id: "discrete", title: "Discrete adjoint", description: "Exact reverse.", exact: true },
      { id: "gauss", title: "Gauss adjoint", description: "Continuous.", exact: false },
    ];
    expect(is.gradientHint("discrete", "org.a/rodas", known)).toContain("cannot go through");
    for (const id of ["gauss", "auto"]) expect(is.gradientHint(id, "org.a/rodas", known)).not.toContain("cannot");
    expect(is.gradientHint("discrete", "tsit5", known)).toContain("Exact reverse");
    expect(is.gradientHint("reverse", "tsit5", known)).toContain("no such gradient");
    expect(is.gradientMenu(known).map((c) => c.name)).toEqual(["Automatic", "Discrete adjoint", "Gauss adjoint"]);
  });

  test("the engine's sentence is shown in two", () => {
    expect(is.methodParts("solver Tsit5, the default; gradient The discrete adjoint, because it costs 5.")).toEqual({ solver: "Tsit5, the default.", gradient: "The discrete adjoint, because it costs 5." });
    expect(is.methodParts("solver BS3, as the study says; gradient Gauss adjoint, as the study says")).toEqual({ solver: "BS3, as the study says.", gradient: "Gauss adjoint, as the study says." });
    expect(is.methodParts("forward")).toBeNull();
  });
});

test("a study trains as another when seed, solver and training are alike", () => {
  const study: StudyFile = { model: null, seed: 1, data: {}, experiment: [], solver: { method: "auto", rtol: 1e-6, atol: 1e-8, max_steps: 9, reactions: "ode", paths: 64 }, training: own(stage(1)), forecast: { until: null, bands: "none" } };
  expect(is.sameSettings(study, { ...study, forecast: { until: 3, bands: "none" } })).toBe(true);
  expect(is.sameSettings(study, { ...study, seed: 2 })).toBe(false);
  expect(is.sameSettings(study, { ...study, training: own(stage(2)) })).toBe(false);
  expect(is.digest(study)).toBe("rtol 1e-6, seed 1");
  expect(is.digest({ ...study, training: { ...study.training, starts: 20 } })).toBe("rtol 1e-6, 20 starts, seed 1");
  expect(is.digest({ ...study, solver: { ...study.solver, reactions: "jumps" } })).toBe("one by one, rtol 1e-6, seed 1");
  expect(is.digest({ ...study, solver: { ...study.solver, method: "org.a/rodas" }, training: { ...study.training, l2: 0.1, iterations: 50, gradient: "gauss" } })).toBe("rodas, rtol 1e-6, gauss, ≤ 50 iterations, l2 0.1, seed 1");
});
