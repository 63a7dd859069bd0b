import { expect, test } from "vitest";
import type { GradientReply, GradientResult } from "../../generated/api";
import { bytes, difference, share, summary, time, verdict } from "./figures";

const result = (over: Partial<GradientResult>): GradientResult => ({
  method: "discrete", title: "Discrete adjoint", description: "", exact: true, seconds: 3e-5, over_forward: 2.5, estimate: null, memory: 1,
  forward_evaluations: 1, reverse_products: 1, agreement: 0, check: 1e-10, unchecked: null, allowed: 1e-6, values: [], ...over,
});

test("times, sizes and differences are read at a glance", () => {
  expect([3.14e-5, 2.4e-3, 1.25].map(time)).toEqual(["31 µs", "2.4 ms", "1.3 s"]);
  expect([1234, 3.1e7, 2e9].map(bytes)).toEqual(["1.2 kB", "31 MB", "2.0 GB"]);
  expect([0, 2.3e-9, 4e-13, 0.031, NaN].map(difference)).toEqual(["none", "2·10⁻⁹", "4·10⁻¹³", "3.1 %", "not a number"]);
});

test("bars are shares of the longest", () => {
  expect(share(1, [1, 4])).toBe(0.25);
  expect(share(0, [])).toBe(0);
});

test("a difference above what the tolerances allow is wrong, and no number is wrong too", () => {
  expect(verdict(result({})).tone).toBe("good");
  expect(verdict(result({ check: 1e-3 })).tone).toBe("bad");
  expect(verdict(result({ check: NaN })).tone).toBe("bad");
  expect(verdict(result({ check: null })).tone).toBe("neutral");
});

test("the summary names the fastest of those that are right", () => {
  const reply = { names: ["a", "b"], forward_seconds: 1e-5, methods: [result({}), result({ title: "Backsolve", seconds: 1e-5, over_forward: 1, check: 0.5 })] };
  expect(summary(reply as unknown as GradientReply)).toContain("Discrete adjoint is the fastest here: 2.5 solves");
  expect(summary({ ...reply, methods: [] } as unknown as GradientReply)).toBeNull();
});
