import { expect, test } from "vitest";
import type { SimulateRequest } from "../generated/api";
import { createFakePlatform } from "../platform/fake";
import { MODEL } from "../platform/fake/samples";
import { gridPoints, segment, slopeField, type Window } from "./field";

const window: Window = { x: [0, 85], y: [0, 60] };
const base: SimulateRequest = { text: MODEL, set: {}, run: null, from: 1900, to: 1920, at: [], points: 401, method: null, rtol: null, atol: null, seed: 1, reactions: null, path: null, paths: null, steady: false, inputs: [], experiment: null };

test("slopes are those of the equations", async () => {
  const platform = createFakePlatform({ delay_ms: 0 });
  const field = await slopeField((r) => platform.rpc("simulate", r), base, "hare", "lynx", window, () => false);
  const points = gridPoints(window);
  expect(field?.x.length).toBe(3 * points.length);
  points.forEach(([hare, lynx], i) => {
    const [dh, dl] = [0.7 * hare - 0.04 * hare * lynx, -0.6 * lynx + 0.018 * hare * lynx];
    const wanted = segment([hare, lynx], [dh, dl], window);
    expect(field?.x[3 * i + 1]).toBeCloseTo(wanted?.x[1] ?? NaN, 2);
    expect(field?.y[3 * i + 1]).toBeCloseTo(wanted?.y[1] ?? NaN, 2);
  });
});

test("segments have one length in units of the grid, and rest has none", () => {
  const w: Window = { x: [0, 17], y: [0, 120] };
  expect(segment([5, 50], [3, 0], w)).toMatchObject({ x: [4.64, 5.36, NaN] });
  expect(segment([5, 50], [0, -2], w)?.y[0]).toBeCloseTo(53.6, 12);
  expect(segment([5, 50], [0, 0], w)).toBeNull();
  expect(segment([5, 50], [NaN, 1], w)).toBeNull();
});

test("gives up when it is no longer wanted, and leaves out what cannot be solved", async () => {
  const platform = createFakePlatform({ delay_ms: 0 });
  let asked = 0;
  const field = await slopeField((r) => (asked++, platform.rpc("simulate", r)), base, "hare", "lynx", window, () => asked >= 5);
  expect(field).toBeNull();
  expect(asked).toBeLessThan(10);
  const none = await slopeField(() => Promise.reject(new Error("no")), base, "hare", "lynx", window, () => false);
  expect(none).toEqual({ x: [], y: [] });
});
