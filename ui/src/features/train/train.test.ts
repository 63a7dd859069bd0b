// Recipe and settings on the Train screen, over the recorded host.

import { flushSync } from "svelte";
import { describe, expect, test, vi } from "vitest";
import { click, find, open, see, text } from "../../app/testing";
import type { StageFile } from "../../generated/api";
import { createFakePlatform, type FakeOptions } from "../../platform/fake";
import { EVERY_STAGE } from "./settings";

async function begin(options: FakeOptions = {}) {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0, stride: 5, ...options });
  const session = await open(platform, "hare-lynx");
  const training = () => session.project.view!.study.training;
  const rows = () => training().stages.map((s: StageFile) => `${s.optimiser} ${s.iterations}`);
  return { platform, session, training, rows };
}

async function type(id: string, value: string) {
  await see(id);
  const field = find<HTMLInputElement>(id)!;
  field.value = value;
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
  flushSync();
  return field;
}
/** Types and presses Enter. */
async function enter(id: string, value: string) {
  (await type(id, value)).dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
  flushSync();
}
function choose(id: string, value: string) {
  const select = find<HTMLSelectElement>(id)!;
  select.value = value;
  select.dispatchEvent(new Event("change", { bubbles: true }));
  flushSync();
}

describe("the recipe", () => {
  test("is edited from the stages shown, stage by stage, and what is planned follows", async () => {
    const { session, rows, training } = await begin();
    await click("edit-stages");
    await vi.waitFor(() => expect(rows()).toEqual(["adam 80", "adam 120", "lbfgs 100"]));
    await enter("stage-1-iterations", "50");
    await vi.waitFor(() => expect(rows()[0]).toBe("adam 50"));
    await enter("stage-1-horizon", "35");
    await enter("stage-1-rate", "0.01");
    await vi.waitFor(() => expect(training().stages[0]).toMatchObject({ optimiser: "adam", iterations: 50, rate: 0.01, horizon: 0.35 }));
    choose("stage-2-optimiser", "lbfgs");
    await vi.waitFor(() => expect(find("stage-2-rate")).toBeNull());
    expect(session.project.view?.problem.stages.map((s) => [s.optimiser, s.iterations, s.rate])).toEqual([["Adam", 50, 0.01], ["L-BFGS", 120, null], ["L-BFGS", 100, null]]);
    await click("default-recipe");
    await see("edit-stages");
    expect(training()).toMatchObject({ recipe: "default", stages: [] });
    await session.project.undo();
    expect(rows()).toEqual(["adam 50", "lbfgs 120", "lbfgs 100"]);
  });

  test("every field of a stage is there, where its optimiser uses it, and can be undone", async () => {
    const { session, training } = await begin();
    await click("edit-stages");
    await see("stage-1-more");
    expect(find("stage-1-down-to")).toBeNull();
    choose("stage-1-schedule", "cosine");
    await enter("stage-1-down-to", "20");
    choose("stage-1-clip", "relative");
    await enter("stage-1-clip-at", "4");
    await enter("stage-1-beta2", "1");
    expect(text("stage-1")).toContain("below 1");
    await enter("stage-1-beta2", "0.95");
    await enter("stage-1-batch", "3");
    choose("stage-1-scope", "all-but-noise");
    choose("stage-1-optimiser", "adamw");
    await enter("stage-1-decay", "0.3");
    await vi.waitFor(() =>
      expect(training().stages[0]).toEqual({ optimiser: "adamw", iterations: 80, rate: 0.05, horizon: 0.4, schedule: "cosine", down_to: 0.2, clip: "relative", clip_at: 4, scope: "all-but-noise", decay: 0.3, beta2: 0.95, spread: 1, population: 0, batch: 3, patience: 0, segments: 0 }),
    );
    expect(session.project.view?.problem.stages[0]?.details).toBe("falling to 20 % (cosine), gradient at most 4 times its average, beta2 0.95, 3 experiments an iteration, decay 0.3, all but the noise");
    await enter("stage-1-segments", "12");
    await vi.waitFor(() => expect(training().stages[0]?.segments).toBe(12));
    expect(text("stage-1")).toContain("Segments an iteration");
    await enter("stage-1-segments", "0");
    await enter("stage-1-patience", "40");
    await vi.waitFor(() => expect(training().stages[0]).toMatchObject({ segments: 0, patience: 40 }));
    await enter("stage-1-patience", "0");
    await vi.waitFor(() => expect(training().stages[0]?.patience).toBe(0));
    await type("stage-1-decay", "-1");
    expect(text("stage-1")).toContain("0 or a positive number");
    await enter("stage-1-decay", "0.2");
    await vi.waitFor(() => expect(training().stages[0]?.decay).toBe(0.2));
    await session.project.undo();
    expect(training().stages[0]?.decay).toBe(0.3);
    choose("stage-1-optimiser", "lbfgs");
    await vi.waitFor(() => expect(find("stage-1-schedule")).toBeNull());
    expect(find("stage-1-scope")).not.toBeNull();
  });

  test("a global search has a spread and a number of places", async () => {
    const { session, training } = await begin();
    await click("edit-stages");
    await see("stage-1-more");
    expect(find("stage-1-spread")).toBeNull();
    choose("stage-1-optimiser", "cmaes");
    await see("stage-1-spread");
    await enter("stage-1-spread", "0.5");
    await enter("stage-1-population", "60");
    await vi.waitFor(() => expect(training().stages[0]).toMatchObject({ optimiser: "cmaes", spread: 0.5, population: 60 }));
    expect(session.project.view?.problem.stages[0]).toMatchObject({ optimiser: "CMA-ES", rate: null, details: "spread 0.5, 60 places a generation" });
    await type("stage-1-population", "2");
    expect(text("stage-1")).toContain("0 for as many as usual");
  });

  test("stages are moved, duplicated, added and removed, and the focus goes with them", async () => {
    const { rows } = await begin();
    await click("edit-stages");
    await click("stage-1-down");
    await vi.waitFor(() => expect(rows()).toEqual(["adam 120", "adam 80", "lbfgs 100"]));
    await vi.waitFor(() => expect(document.activeElement).toBe(find("stage-2-down")));
    await click("stage-2-down");
    await vi.waitFor(() => expect(rows()).toEqual(["adam 120", "lbfgs 100", "adam 80"]));
    // The last stage cannot go down: the focus stays on it.
    await vi.waitFor(() => expect(document.activeElement).toBe(find("stage-3-up")));
    await click("stage-2-duplicate");
    await vi.waitFor(() => expect(rows()).toEqual(["adam 120", "lbfgs 100", "lbfgs 100", "adam 80"]));
    await vi.waitFor(() => expect(document.activeElement).toBe(find("stage-3-iterations")));
    await click("add-stage");
    await vi.waitFor(() => expect(rows().length).toBe(5));
    for (let left = 4; left > 0; left--) {
      await click("stage-1-remove");
      await vi.waitFor(() => expect(rows().length).toBe(left));
    }
    expect(find("stage-1-remove")?.hasAttribute("disabled")).toBe(true);
  });

  test("a text that is no number of iterations is refused with the reason and not sent", async () => {
    const { platform } = await begin();
    await click("edit-stages");
    const field = await type("stage-1-iterations", "0");
    expect(field.getAttribute("aria-invalid")).toBe("true");
    expect(text("stage-1")).toContain("a whole number from 1 on");
    const before = platform.calls.length;
    field.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
    field.dispatchEvent(new FocusEvent("blur"));
    flushSync();
    expect(platform.calls.length).toBe(before);
    expect(field.value).toBe("80");
    expect(text("stage-1")).not.toContain("a whole number");
  });

  test("an edit that is on its way is kept by the next one", async () => {
    const { rows } = await begin({ delay_ms: 20 });
    await click("edit-stages");
    await see("stage-1-iterations");
    await enter("stage-1-iterations", "50");
    await click("add-stage");
    await vi.waitFor(() => expect(rows()).toEqual(["adam 50", "adam 120", "lbfgs 100", "lbfgs 100"]));
  });
});

describe("settings", () => {
  test("go into the study, one step of undo each", async () => {
    const { session } = await begin();
    await click("settings-toggle");
    await enter("rtol", "1e-4");
    await enter("max-steps", "5000");
    await enter("iterations", "30");
    await enter("l2", "0.5");
    await enter("seed", "7");
    choose("solver", "bs3");
    choose("gradient", "forward");
    const study = () => session.project.view!.study;
    await vi.waitFor(() => expect(study().training.gradient).toBe("forward"));
    expect(study()).toMatchObject({ seed: 7, solver: { method: "bs3", rtol: 1e-4, atol: 1e-8, max_steps: 5000 }, training: { iterations: 30, l2: 0.5 } });
    expect(session.project.view?.problem.stages.reduce((n, s) => n + s.iterations, 0)).toBe(30);
    await session.project.undo();
    expect([study().training.gradient, study().solver.method]).toEqual(["auto", "bs3"]);
    await enter("iterations", "");
    await vi.waitFor(() => expect(study().training.iterations).toBeNull());
  });

  test("plugins' solvers can be chosen, a value that nobody knows stays and is explained", async () => {
    const { session, platform } = await begin();
    expect(platform.calls.some((c) => c.command === "plugin_list"), "plugins are not loaded before somebody asks").toBe(false);
    await session.project.editStudy((x) => (x.solver.method = "org.gone/rk"));
    await click("settings-toggle");
    await vi.waitFor(() => expect(text("solver")).toContain("RODAS4, order 4, stiff"));
    expect(find<HTMLSelectElement>("solver")?.value).toBe("org.gone/rk");
    expect(text("settings")).toContain("No installed plugin has this solver");
    choose("solver", "org.slopefield.rosenbrock/rodas4");
    await vi.waitFor(() => expect(session.project.view?.study.solver.method).toBe("org.slopefield.rosenbrock/rodas4"));
    expect(text("settings")).not.toContain("No installed plugin");
  });

  test("a wrong one stands among the problems, which lead to it", async () => {
    const { session } = await begin();
    await session.project.editStudy((x) => (x.solver.rtol = 2));
    await see("problems");
    expect(text("problems")).toContain("2 is no tolerance");
    await click("problem-link");
    await see("rtol");
    expect(find("rtol")?.getAttribute("aria-invalid")).toBe("true");
    expect(document.activeElement).toBe(find("settings-toggle"));
    await enter("rtol", "1e-5");
    await vi.waitFor(() => expect(find("problems")).toBeNull());
  });

  test("are fixed in a project for reading only", async () => {
    const { session } = await begin();
    session.project.view = { ...session.project.view!, read_only: "another program has it open" };
    flushSync();
    expect(find("edit-stages")).toBeNull();
    await click("settings-toggle");
    await see("rtol");
    expect(["solver", "rtol", "atol", "max-steps", "gradient", "iterations", "l2", "seed"].filter((id) => !find(id)?.hasAttribute("disabled"))).toEqual([]);
    expect(text("settings")).toContain("reading only");
  });
});

describe("a training", () => {
  test("takes the edited stages and settings, and shows its own until they change again", async () => {
    const { session } = await begin({ step_ms: 1 });
    await session.project.editStudy((x) => {
      x.training.recipe = "custom";
      x.training.stages = [{ ...EVERY_STAGE, iterations: 50 }];
      x.solver.rtol = 1e-5;
    });
    await click("settings-toggle");
    const done = session.train();
    await vi.waitFor(() => expect(session.training.phase).toBe("running"));
    flushSync();
    expect(find("rtol")?.hasAttribute("disabled")).toBe(true);
    expect(find("add-stage")).toBeNull();
    expect([...find("method")!.querySelectorAll("dt")].map((e) => e.textContent)).toEqual(["Solver", "Gradient"]);
    await done;
    await vi.waitFor(() => expect(text("iteration")).toBe("50 / 50"));
    await session.results.select("run-1");
    expect(session.results.run?.provenance).toContainEqual(["rtol", "0.00001"]);
    await vi.waitFor(() => expect(find("stage-1")?.querySelector(".past")).not.toBeNull());
    await enter("stage-1-iterations", "60");
    await vi.waitFor(() => expect(find("stage-1")?.querySelector(".past")).toBeNull());
    expect(text("method")).not.toContain("Gradient");
  });
});
