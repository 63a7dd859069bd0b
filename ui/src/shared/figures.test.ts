import { describe, expect, test } from "vitest";
import { fitPanels, timeTitle, type FitInput } from "./fit";
import { lossFigure, traceFigure } from "./history";

const slice = (start: number, len: number) => ({ start, len });
/** Two observations at t = 0..3, the last point held out. */
const block = Float64Array.of(0, 1, 2, 3, 10, 20, 30, 40, 5, 6, 7, 8, 0, 0, 0, 1);
const series = (observation: string, at: number) => ({ observation, times: slice(0, 4), values: slice(at, 4), held_out: slice(12, 4), censored: slice(16, 0) });
const input = (over: Partial<FitInput> = {}): FitInput => ({
  experiment: { name: "e", start: 0, hold_out_from: 3, series: [series("a", 4), series("b", 8)] },
  block,
  curves: { times: [0, 1, 2, 3, 4, 5], values: { a: [10, 20, 30, 40, 50, 60], b: [5, 6, 7, 8, 9, 10] } },
  observations: [{ name: "a", noise: "normal", unit: "g" }, { name: "b", noise: "normal", unit: "m" }],
  time: { name: "t", unit: "year", start: 0 },
  until: null,
  view: "v",
  ...over,
});

describe("fit panels", () => {
  test("one for each unit; colours go with the observation, not the panel", () => {
    const panels = fitPanels(input());
    expect(panels.map((p) => p.figure.y.title)).toEqual(["a (g)", "b (m)"]);
    expect(panels.map((p) => p.figure.series[0]?.colour)).toEqual([0, 1]);
    const together = fitPanels(input({ observations: input().observations.map((o) => ({ ...o, unit: "g" })) }));
    expect(together.length).toBe(1);
  });

  test("an array names the axis once", () => {
    const names = ["w[1]", "w[2]"];
    const [panel] = fitPanels(input({ experiment: null, observations: names.map((name) => ({ name, noise: "normal", unit: null })), curves: { times: [0], values: { "w[1]": [1], "w[2]": [2] } } }));
    expect(panel?.figure.y.title).toBe("w");
  });

  test("the curve is solid where it was fitted and dashed where it predicts, without a gap", () => {
    const [solid, dashed] = fitPanels(input())[0]!.figure.series;
    expect(solid).toMatchObject({ x: [0, 1, 2, 3] });
    expect(solid?.dash).toBeUndefined();
    expect(dashed).toMatchObject({ x: [3, 4, 5], y: [40, 50, 60], dash: true });
  });

  test("held-out points are apart and hollow", () => {
    const points = fitPanels(input())[0]!.figure.series.filter((s) => s.look !== "line");
    expect(points.map((s) => [s.look, s.x, s.y])).toEqual([["points", [0, 1, 2], [10, 20, 30]], ["hollow", [3], [40]]]);
  });

  test("values beyond a limit are triangles of their own", () => {
    const limits = Float64Array.of(...block, -1, 0, 1, -1);
    const experiment = { name: "e", start: 0, hold_out_from: 3, series: [{ ...series("a", 4), censored: slice(16, 4) }] };
    const points = fitPanels(input({ experiment, block: limits }))[0]!.figure.series.filter((s) => s.look !== "line");
    expect(points.map((s) => [s.name, s.look, s.beyond, s.x])).toEqual([
      ["a, data", "points", undefined, [1]],
      ["a, below a limit", "points", "below", [0]],
      ["a, above a limit", "points", "above", [2]],
      ["a, below a limit, held out", "hollow", "below", [3]],
    ]);
  });

  test("the axis of time already reaches the forecast before there is a curve", () => {
    const range = fitPanels(input({ curves: null, until: 10 }))[0]!.figure.x.range!;
    expect(range[0]).toBeLessThan(0);
    expect(range[1]).toBeGreaterThan(10);
  });

  test("an observation without data or curve has no panel", () => {
    expect(fitPanels(input({ experiment: null, curves: null }))).toEqual([]);
  });

  test("time is called by its name, or by its unit when it is only called t", () => {
    expect(timeTitle({ name: "t", unit: "year", start: 0 })).toBe("year");
    expect(timeTitle({ name: "age", unit: "day", start: 0 })).toBe("age (day)");
    expect(timeTitle(null)).toBe("t");
  });
});

describe("histories", () => {
  test("the loss is logarithmic only where that is possible", () => {
    const h = (loss: number[]) => lossFigure({ iterations: [1, 2], loss, best: loss, holdOut: { iterations: [], values: [] } });
    expect(h([2, 1]).y.log).toBe(true);
    expect(h([2, NaN]).y.log).toBe(true);
    expect(h([2, -118]).y.log).toBe(false);
  });

  test("traces are relative to their start, or plain when that is zero", () => {
    const f = traceFigure([1, 2], ["a", "b"], [[2, 4], [0, 3]]);
    expect(f.series.map((s) => [...(s.y as number[])])).toEqual([[1, 2], [0, 3]]);
  });
});
