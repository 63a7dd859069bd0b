// What networks have learned, over the recorded host.

import { flushSync } from "svelte";
import { describe, expect, test, vi } from "vitest";
import { click, find, open, see, text } from "../../app/testing";
import { take } from "../../model/slices";
import { createFakePlatform } from "../../platform/fake";
import { distanceFigure, distanceWords, percent, responseFigure } from "./terms";

async function begin(example = "hare-lynx-network") {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0, stride: 40 });
  const session = await open(platform, example);
  await session.train();
  session.go("results");
  flushSync();
  return { platform, session };
}

describe("learned terms", () => {
  test("curves of every output over every input, with words about the forecast", async () => {
    const { platform, session } = await begin();
    await click("page-terms");
    await see("response-encounter[1]-hare");
    expect(find("response-encounter[2]-lynx")?.getAttribute("aria-label")).toBe("encounter[2] over lynx");
    expect(text("distance-encounter")).toContain("From year = 1919 on the network encounter is asked about states that it never saw");
    const slider = find<HTMLInputElement>("held-lynx") as HTMLInputElement;
    slider.value = "1000";
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await vi.waitFor(() => expect(session.terms.view?.terms[0]?.inputs[1]?.held).toBe(session.terms.view?.terms[0]?.inputs[1]?.range[1]));
    const asked = platform.calls.filter((c) => c.command === "terms").at(-1)?.request as { held: Record<string, number>; formulas: boolean };
    expect(Object.keys(asked.held)).toEqual(["lynx"]);
    expect(asked.formulas).toBe(false);
    await click("page-fit");
    await see("distance-plot");
    expect(text("distance-words")).toContain("never saw");
  });

  test("a formula takes the place of the network in the text, undo takes it out, and the runs are compared", async () => {
    const { session } = await begin();
    await click("page-terms");
    await click("find-formulas");
    await see("formulas-encounter[1]");
    expect(find<HTMLInputElement>("formula-encounter[1]-2")?.checked).toBe(true);
    find<HTMLInputElement>("keep-encounter[2]")?.click();
    flushSync();
    expect(session.terms.chosen).toEqual({ "encounter[1]": 2 });
    await click("use-formulas");
    await vi.waitFor(() => expect(session.ui.screen).toBe("model"));
    expect(session.project.view?.model).toContain("param encounter_1 = 0.0283 in [-1, 1]");
    expect(session.project.view?.model).not.toContain("network encounter");
    await session.project.undo();
    expect(session.project.view?.model).toContain("network encounter");
    await session.project.redo();
    await session.train();
    session.go("results");
    flushSync();
    await session.results.select("run-2");
    await see("compare-table");
    expect(text("compare-table")).toMatch(/run 1.*run 2.*free parameters.*360.*6/s);
    // The new run has no network, and nothing is asked of it.
    await vi.waitFor(() => expect(find("page-terms")).toBeNull());
  });

  test("the search for formulas tells how far it is, and what was found is kept when it is stopped", async () => {
    const { platform, session } = await begin();
    await click("page-terms");
    platform.hangNext();
    await click("find-formulas");
    await vi.waitFor(() => expect(text("formulas-progress")).toMatch(/^40 %, 8.* left$/), { timeout: 20_000 });
    expect(text("job-state")).toBe("Looking for formulas");
    await click("stop-formulas");
    await see("formulas-encounter[1]");
    expect(session.terms.share).toBe(0.4);
    expect(text("terms")).toContain("the search for formulas was stopped at 40 %");
    expect(find<HTMLInputElement>("formula-encounter[1]-2")?.checked).toBe(true);
    expect(platform.calls.filter((c) => c.command === "job").at(-1)?.request).toEqual({ action: "stop" });
  });

  test("a run without networks has no such page", async () => {
    const { platform } = await begin("hare-lynx");
    await see("page-fit");
    expect(find("page-terms")).toBeNull();
    expect(platform.calls.some((c) => c.command === "terms")).toBe(false);
  });
});

test("curves are dashed where nothing like it was seen, and distances have a limit", async () => {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0 });
  await platform.rpc("project_example", { id: "hare-lynx-network" });
  await platform.train({ resume: null, from_run: null }, () => undefined);
  const request = { study: null, project: null, run: "run-1", held: {}, points: 41, until: null, spread: null, seed: null, formulas: false };
  const { value: reply, block } = await platform.rpc("terms", request);
  const term = reply.terms[0]!;
  const input = term.inputs[0]!;
  const [solid, dashed, rug] = responseFigure(term, input, 0, reply, block).series;
  const near = Array.from(take(block, input.distance), (d) => d <= reply.near);
  near.forEach((n, i) => expect(Number.isFinite(solid!.y[i])).toBe(n));
  // The dashed part begins where the solid one ends.
  expect(Array.from(dashed!.y).filter((v, i) => Number.isFinite(v) && near[i])).toHaveLength(2);
  expect(rug!.x).toHaveLength(input.visited.len);
  const strip = distanceFigure(reply, block, "hudson bay", null, [1899, 1931])!;
  expect(strip.x.range).toEqual([1899, 1931]);
  expect(strip.series.at(-1)!.y).toEqual([0.1, 0.1]);
  expect(strip.regions).toEqual([{ from: 1914, to: 1930, label: "not trained on", tone: "forecast" }]);
  expect(distanceFigure(reply, block, "elsewhere", null, null)).toBeNull();
  expect(distanceWords(reply, "hudson bay")[0]).toMatch(/^From year = 1919 .* saw\.$/);
  expect([percent(0.0123), percent(1), percent(0.5)]).toEqual(["1.2 %", "100 %", "50 %"]);
});
