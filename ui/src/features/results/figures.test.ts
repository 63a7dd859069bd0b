import { expect, test } from "vitest";
import { createFakePlatform } from "../../platform/fake";
import { interpolate, residualFigure } from "./figures";

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
