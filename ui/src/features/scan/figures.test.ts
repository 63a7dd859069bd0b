// Pictures of scans, from numbers that can be told by hand.

import { describe, expect, test } from "vitest";
import type { ModelReport, ScanAxis, ScanOverview, ScanQuantity, SolveStats } from "../../generated/api";
import type { Scanned, ScanWay } from "../../model/scan.svelte";
import { bandsFigure, endsFigure, mapFigure, pictures } from "./figures";
import { factsWords, failuresWords } from "./words";

const stats: SolveStats = { method: "tsit5", reason: "", accepted: 1, rejected: 0, rhs: 1, jacobians: 0, factorisations: 0, events: 0, compile_s: 0, solve_s: 0.1 };
const report = { parameters: [{ name: "a", unit: "1/s" }, { name: "b", unit: null }], states: [{ name: "x", unit: "m" }], observations: [], time: { name: "t", unit: "s" } } as unknown as ModelReport;

const axis = (name: string, from: number, to: number, count: number, log = false): ScanAxis => ({ name, from, to, count, log });

/** Trajectories x = value of the number of the trajectory, at times 0 and 1: x(0) = 10 k, x(1) = 10 k + 1. */
function scanned(way: ScanWay, axes: ScanAxis[], points: Record<string, number[]>): Scanned {
  const numbers: number[] = [];
  const put = (values: number[]) => ({ start: numbers.push(...values) - values.length, len: values.length });
  const own = Object.entries(points).map(([name, values]) => ({ name, initial: name === "x", values: put(values) }));
  const count = Object.values(points)[0]?.length ?? 0;
  const all = Array.from({ length: count }, (_, k) => k);
  const quantity: ScanQuantity = {
    name: "x", kind: "state",
    quantiles: [0, 1, 2, 3, 4].map((q) => put([q, q + 0.5])) as ScanQuantity["quantiles"],
    last: put(all.map((k) => 10 * k + 1)), least: put(all.map((k) => 10 * k)), greatest: put(all.map((k) => 10 * k + 1)),
    curves: put(all.flatMap((k) => [10 * k, 10 * k + 1])),
  };
  const overview: ScanOverview = { count, points: own, times: put([0, 1]), columns: [quantity], shown: all, failed: 0, failures: [], device: "processor", on_card: 0, notes: ["the processor, as asked for"], stats };
  return { overview, block: Float64Array.from(numbers), way, axes };
}

const of = (s: Scanned) => s.overview.columns[0] as ScanQuantity;

describe("which pictures there are", () => {
  test("a grid of two is a map, of one a map over time, chance and tables have bands", () => {
    const two = scanned("grid", [axis("a", 0, 1, 2), axis("b", 0, 1, 2)], { a: [0, 0, 1, 1], b: [0, 1, 0, 1] });
    expect(pictures(two)).toEqual(["map", "bands"]);
    expect(pictures(scanned("grid", [axis("a", 0, 1, 2)], { a: [0, 1] }))).toEqual(["map", "ends", "bands"]);
    expect(pictures(scanned("random", [axis("a", 0, 1, 0)], { a: [0, 1] }))[0]).toBe("bands");
  });
});

describe("a map", () => {
  test("of two parameters has the first across, the second upward, values in their places", () => {
    const s = scanned("grid", [axis("a", 0, 2, 3), axis("b", 1, 100, 2, true)], { a: [0, 0, 1, 1, 2, 2], b: [1, 100, 1, 100, 1, 100] });
    const figure = mapFigure(s, report, of(s), "last");
    expect(figure?.picture).toMatchObject({ x: [-0.5, 2.5], name: "x (m) at the end", range: [1, 51] });
    // Two values by equal ratios: each pixel is a factor of 100 wide, centred on its value.
    expect(figure?.picture?.y.map((y) => Number(y.toPrecision(6)))).toEqual([0.1, 1000]);
    expect([figure?.x.title, figure?.y.title, figure?.y.log]).toEqual(["a (1/s)", "b", true]);
    const [points] = figure?.series ?? [];
    expect(points?.look).toBe("unseen");
    expect([...(points?.values as Float64Array)]).toEqual([1, 11, 21, 31, 41, 51]);
  });

  test("of one parameter has time across", () => {
    const s = scanned("grid", [axis("a", 0, 2, 3)], { a: [0, 1, 2] });
    const figure = mapFigure(s, report, of(s), "last");
    expect(figure?.picture).toMatchObject({ x: [-0.5, 1.5], y: [-0.5, 2.5], name: "x (m)", range: [0, 21] });
    expect(figure?.x.title).toBe("s");
  });

  test("a range that falls is drawn upward all the same", () => {
    const s = scanned("grid", [axis("a", 2, 0, 3)], { a: [2, 1, 0] });
    expect(mapFigure(s, report, of(s), "last")?.picture?.y).toEqual([-0.5, 2.5]);
  });

  test("without a finite value there is none", () => {
    const s = scanned("grid", [axis("a", 0, 1, 2)], { a: [0, 1] });
    s.block.fill(NaN, of(s).curves.start);
    expect(mapFigure(s, report, of(s), "last")).toBeNull();
  });
});

test("bands lie around the median, the wide one first", () => {
  const s = scanned("random", [axis("a", 0, 1, 0)], { a: [0.2, 0.8] });
  const { series } = bandsFigure(s, report, of(s));
  const named = series.filter((x) => x.legend !== false);
  expect(named.map((x) => x.look)).toEqual(["band", "band", "line"]);
  expect([...(named[0]?.y as number[])]).toEqual([4, 4.5, 0.5, 0]);
  expect([...(named[1]?.y as number[])]).toEqual([3, 3.5, 1.5, 1]);
  expect([...(named[2]?.y as Float64Array)]).toEqual([2, 2.5]);
  expect(series.filter((x) => x.faint)).toHaveLength(2);
});

describe("what came of each", () => {
  test("is a line over the values of a grid, with least and greatest", () => {
    const s = scanned("grid", [axis("x", 1, 100, 3, true)], { x: [1, 10, 100] });
    const figure = endsFigure(s, report, of(s), "x");
    expect(figure?.series.map((x) => [x.name, x.look])).toEqual([["x at its least", "line"], ["x at its greatest", "line"], ["x at the end", "line"]]);
    expect([...(figure?.series[2]?.y as Float64Array)]).toEqual([1, 11, 21]);
    expect(figure?.x).toMatchObject({ title: "x at the start (m)", log: true });
  });

  test("is points over one of several random values, and not more than can be drawn", () => {
    const s = scanned("random", [axis("a", 0, 1, 0), axis("b", 0, 1, 0)], { a: [0.1, 0.2], b: [0.3, 0.4] });
    expect([...(endsFigure(s, report, of(s), "b")?.series[0]?.x as Float64Array)]).toEqual([0.3, 0.4]);
    const many = scanned("random", [axis("a", 0, 1, 0)], { a: Array.from({ length: 9000 }, (_, i) => i) });
    const [dots] = endsFigure(many, report, of(many), "a")?.series ?? [];
    expect([dots?.look, dots?.x.length]).toEqual(["dots", 3000]);
  });
});

test("what failed is said with its place, what computed it with the reason", () => {
  const s = scanned("grid", [axis("a", 0, 1, 2)], { a: [0.25, 1] });
  expect(failuresWords(s)).toBeNull();
  const failed: Scanned = { ...s, overview: { ...s.overview, failed: 1, failures: [{ index: 1, message: "x grew beyond all bounds at t = 0.7" }] } };
  expect(failuresWords(failed)).toBe("1 of 2 trajectories failed and are left out from there on. The first, at a = 1: x grew beyond all bounds at t = 0.7");
  expect(factsWords(s.overview)).toBe("the processor, as asked for · tsit5");
});
