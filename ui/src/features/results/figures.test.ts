import { expect, test } from "vitest";
import { createFakePlatform } from "../../platform/fake";
import { interpolate, residualFigure, waterfallFigure, waterfallWords } from "./figures";

test("interpolation is linear between points and undefined outside", () => {
  const [t, v] = [[0, 1, 3], [0, 10, 30]];
  expect([0, 0.5, 1, 2, 3].map((at) => interpolate(t, v, at))).toEqual([0, 5, 10, 20, 30]);
  expect(interpolate(t, v, -0.1)).toBeNaN();
  expect(interpolate(t, v, 3.1)).toBeNaN();
  expect(interpolate([], [], 0)).toBeNaN();
});

test("residuals of log-normal noise are of the logarithms", async () => {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0 });
  await platform.rpc("project_example", { id: "hare-lynx" });
  await platform.train({ resume: null, from_run: null }, () => undefined);
  const { value: run, block } = await platform.rpc("run_view", { run: "run-1" });
  const first = (noise: string) => (residualFigure(run, block, 0, { hare_pelts: noise, lynx_pelts: noise }, null)?.series[0]?.y[0] ?? NaN) as number;
  // The model starts at 30 thousand hares, which is what was counted in 1900; a year later 47.2 were.
  expect(first("normal")).toBeCloseTo(0, 6);
  const second = (noise: string) => residualFigure(run, block, 0, { hare_pelts: noise, lynx_pelts: noise }, null)?.series[0]?.y[1] as number;
  const model = 47.2 - second("normal");
  expect(second("log-normal")).toBeCloseTo(Math.log(47.2 / model), 9);
});

test("the waterfall of several starts is sorted, leaves out what has no loss, and says how many came to the best", async () => {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0 });
  await platform.rpc("project_example", { id: "hare-lynx" });
  await platform.train({ resume: null, from_run: null }, () => undefined);
  const one = await platform.rpc("run_view", { run: "run-1" });
  expect(waterfallFigure(one.value, one.block)).toBeNull();
  expect(waterfallWords(one.value)).toBe("");

  const { study } = (await platform.rpc("project_view", {})).value;
  await platform.rpc("project_edit", { kind: "study", study: { ...study, training: { ...study.training, starts: 8 } } });
  await platform.train({ resume: null, from_run: null }, () => undefined);
  const { value: run, block } = await platform.rpc("run_view", { run: "run-2" });
  const figure = waterfallFigure(run, block)!;
  const [began, ended] = figure.series;
  expect(Array.from(ended!.x)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(Array.from(began!.x)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(waterfallWords(run)).toContain("6 of 8 starts came to the best loss");
});
