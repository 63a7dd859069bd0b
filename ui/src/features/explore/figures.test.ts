import { expect, test } from "vitest";
import type { ModelReport } from "../../generated/api";
import type { Trajectory } from "../../model/explore.svelte";
import { profileFigure, statesFigure } from "./figures";

const elements = Array.from({ length: 41 }, (_, i) => ({ name: `u[${i}]`, kind: "state" as const, values: Float64Array.of(i, 2 * i, 3 * i) }));
const trajectory = {
  times: Float64Array.of(0, 5, 10),
  columns: [...elements, { name: "a", kind: "state" as const, values: Float64Array.of(7, 8, 9) }],
  events: [],
  notes: [],
  stats: {},
} as unknown as Trajectory;
const states = trajectory.columns.map((c) => ({ name: c.name, unit: c.name === "a" ? null : "mM", initial: 0, bounds: null }));
const report = { states } as unknown as ModelReport;

test("of a long array three curves are drawn", () => {
  expect(statesFigure(trajectory, report, "t").series.map((s) => s.name)).toEqual(["u[0]", "u[20]", "u[40]", "a"]);
});

test("a mean has its spread around it, and events are marked", () => {
  const mean = { ...trajectory, columns: [...trajectory.columns.slice(-1), { name: "a", kind: "spread" as const, values: Float64Array.of(1, 2, 3) }], events: [{ t: 5, text: "stop when a crosses 8", stop: true }] };
  const figure = statesFigure(mean, report, "t");
  expect(figure.series.map((s) => [s.faint ?? false, [...Array.from(s.y)]])).toEqual([[false, [7, 8, 9]], [true, [8, 10, 12]], [true, [6, 6, 6]]]);
  expect(figure.marks).toEqual([{ x: 5, label: "stopped" }]);
});

test("space and time has a pixel for each element and time, centred on them", () => {
  const figure = profileFigure(trajectory, report, "u", "t");
  expect(figure?.picture).toMatchObject({ x: [-2.5, 12.5], y: [-0.5, 40.5], name: "u (mM)", range: [0, 120] });
  expect(figure?.y.title).toBe("element of u");
  expect(figure?.x.range).toEqual([-2.5, 12.5]);
  expect(profileFigure(trajectory, report, "w", "t")).toBeNull();
});
