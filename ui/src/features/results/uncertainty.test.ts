// How sure a run is, over the recorded host.

import { flushSync } from "svelte";
import { describe, expect, test, vi } from "vitest";
import { click, find, open, see, text } from "../../app/testing";
import type { UncertaintyResult } from "../../generated/api";
import { createFakePlatform, type FakeOptions } from "../../platform/fake";
import { bandsOf, chainsOf, coverageWords, histogramFigure } from "./uncertainty";

async function begin(options: FakeOptions = {}) {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0, stride: 40, ...options });
  const session = await open(platform, "hare-lynx");
  await session.train();
  session.go("results");
  flushSync();
  await click("page-sure");
  return { platform, session };
}

async function enter(id: string, value: string) {
  const field = find<HTMLInputElement>(id) as HTMLInputElement;
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  flushSync();
  field.dispatchEvent(new FocusEvent("blur"));
  flushSync();
}

describe("how sure a run is", () => {
  test("begins with an explanation, draws, and shows table, verdict and figures", async () => {
    const { session, platform } = await begin();
    await see("sure-empty");
    expect(text("sure-empty")).toContain("noise models");
    await click("sure-run");
    await see("sure-table");
    expect(platform.calls.find((c) => c.command === "uncertainty")?.request).toEqual({ run: "run-1", method: "nuts", points: null, chains: null, warmup: null, draws: null, seed: null });
    expect(text("sure-done")).toContain("4,000 draws of 4 chains");
    expect(text("sure-alpha")).toMatch(/alpha.*\d \(0\.\d+ … 0\.\d+\)/s);
    expect(text("sure-good")).toContain("The chains agree");
    expect(text("sure-coverage")).toMatch(/It holds \d+ of \d+ held-out points/);
    await see("sure-histogram");
    expect(find("sure-histogram")?.getAttribute("aria-label")).toBe("Histogram of the draws of alpha");
    expect(find("sure-pair")?.getAttribute("aria-label")).toBe("Draws of alpha against beta");
    expect(find("sure-chains")).not.toBeNull();
    expect(session.uncertainty.answers).toHaveLength(1);
    await click("page-fit");
    expect(text("bands")).toContain("the lightest a measurement");
  });

  test("another method is asked without chains, and shows none", async () => {
    const { platform } = await begin();
    await see("sure-chains");
    await enter("sure-chains", "2");
    const method = find<HTMLSelectElement>("sure-method") as HTMLSelectElement;
    method.value = "laplace";
    method.dispatchEvent(new Event("change", { bubbles: true }));
    flushSync();
    expect(find("sure-chains")).toBeNull();
    await enter("sure-draws", "500");
    await click("sure-run");
    await see("sure-table");
    expect(platform.calls.find((c) => c.command === "uncertainty")?.request).toMatchObject({ method: "laplace", chains: null, warmup: null, draws: 500 });
    expect(text("sure-done")).toContain("Normal distribution around the fit (Laplace)");
    expect(find("sure-good")).toBeNull();
    await see("sure-histogram");
    expect(find("sure-chains")).toBeNull();
  });

  test("profiles show a figure for each parameter, and no bands", async () => {
    const { platform } = await begin();
    await see("sure-method");
    const method = find<HTMLSelectElement>("sure-method") as HTMLSelectElement;
    method.value = "profile";
    method.dispatchEvent(new Event("change", { bubbles: true }));
    flushSync();
    expect(find("sure-draws")).toBeNull();
    await click("sure-run");
    await see("profile-alpha");
    expect(platform.calls.find((c) => c.command === "uncertainty")?.request).toMatchObject({ method: "profile", chains: null, warmup: null });
    expect(find("profile-alpha")?.getAttribute("aria-label")).toBe("Profile of alpha");
    expect(text("how-sure")).toMatch(/alpha: identifiable, 95 % from 0\.\d+ to 0\.\d+/);
    expect(text("sure-coverage")).toContain("no bands of curves");
    expect(find("sure-histogram")).toBeNull();
  });

  test("what is asked for is sent, few draws are warned of in words, and the answer can be deleted", async () => {
    const { session, platform } = await begin();
    await see("sure-chains");
    await enter("sure-chains", "2");
    await enter("sure-draws", "20");
    await enter("sure-seed", "7");
    await enter("sure-warmup", "none");
    await click("sure-run");
    await see("sure-warnings");
    expect(platform.calls.find((c) => c.command === "uncertainty")?.request).toMatchObject({ chains: 2, draws: 20, seed: 7, warmup: null });
    expect(text("sure-warnings")).toContain("fewer than 400 effective draws");
    await click("sure-delete");
    await see("question");
    await click("answer-cancel");
    expect(session.uncertainty.view).not.toBeNull();
    await click("sure-delete");
    await click("answer-delete");
    await see("sure-empty");
    expect(session.uncertainty.answers).toEqual([]);
  });

  test("it can be stopped from the strip, which shows where it is, and what there was is kept", async () => {
    const { session } = await begin({ step_ms: 20 });
    await click("sure-run");
    await vi.waitFor(() => expect(text("job-state")).toBe("Drawing from the posterior"));
    await vi.waitFor(() => expect(text("job-figures")).toMatch(/\d+ \/ 6000/));
    expect(find<HTMLButtonElement>("train-from")?.disabled).toBe(true);
    await click("sure-job-stop");
    await see("sure-warnings");
    expect(text("sure-warnings")).toContain("was stopped");
    expect(session.uncertainty.running).toBe(false);
  });

  test("a refusal is shown where it was asked", async () => {
    const { platform } = await begin();
    platform.failNext("uncertainty", { code: "model", message: "observation hare_pelts has no noise model", advice: "Write one.", details: [] });
    await click("sure-run");
    await see("sure-failed");
    expect(text("sure-failed")).toContain("has no noise model");
  });

  test("answers stay with their run", async () => {
    const { session } = await begin();
    await click("sure-run");
    await see("sure-table");
    await session.train();
    session.go("results");
    flushSync();
    await click("run-2");
    await vi.waitFor(() => expect(session.uncertainty.run).toBe("run-2"));
    expect(session.uncertainty.view).toBeNull();
    await click("run-1");
    await vi.waitFor(() => expect(session.uncertainty.view?.summary.run).toBe("run-1"));
  });
});

describe("figures", () => {
  const block = Float64Array.from([0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 1, 10, 2, 20, 3, 30, 4, 40]);
  const at = (start: number) => ({ start, len: 2 });
  const result: UncertaintyResult = {
    title: "x", settings: [], warnings: [], time: "t", seconds: 1, cancelled: false, coverage: [],
    parameters: [{ name: "a", unit: null, fitted: 2.5, mean: 2.5, sd: 1, quantiles: [1, 2, 2.5, 3, 4], chains: null }],
    bands: [{ experiment: "e", observation: "y", times: at(0), value: [at(2), at(4), at(6), at(8), at(10)], measured: null }],
    whole: null, centre: null, profiles: [], draws: { names: ["a", "b"], chains: 2, draws: 2, every: 1, values: { start: 12, len: 8 } },
  };

  test("a method without scatter has two bands, widest first", () => {
    const bands = bandsOf(result, block, "e");
    expect(bands.map((b) => [b.name, [...(b.low as Float64Array)], [...(b.high as Float64Array)]])).toEqual([["90 %", [1, 2], [5, 6]], ["50 %", [2, 3], [4, 5]]]);
    expect(bandsOf(result, block, "other")).toEqual([]);
    expect(coverageWords(result)).toBe("The dark bands hold the model's value with probability 50 % and 90 %.");
  });

  test("draws are told apart by chain and parameter, and a histogram has area one", () => {
    expect(chainsOf(result, block, "b").map((c) => [...c])).toEqual([[10, 20], [30, 40]]);
    expect(chainsOf(result, block, "c")).toEqual([]);
    const p = result.parameters[0]!;
    const line = histogramFigure(p, chainsOf(result, block, "a")).series[1]!;
    let area = 0;
    for (let i = 0; i + 1 < line.x.length; i += 2) area += (line.x[i + 1]! - line.x[i]!) * line.y[i]!;
    expect(area).toBeCloseTo(1, 12);
  });

  test("a forecast that is surer than it should be is told", () => {
    const coverage = [{ experiment: "e", observation: "y", held_out: true, points: 10, inside: 4 }];
    expect(coverageWords({ ...result, coverage })).toContain("4 of 10 held-out points (40 %). That is far fewer than 90 %");
  });
});
