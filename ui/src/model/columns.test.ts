import { describe, expect, test } from "vitest";
import type { DataSource } from "../generated/api";
import { assign, namesOf } from "./columns";

describe("columns of an observation", () => {
  const source = (): DataSource => ({ file: "t", time: null, columns: { y: "a", z: "c" } });

  test("one is a name, several are a list, none is no entry", () => {
    const s = source();
    assign(s, "columns", "y", ["a", "b"]);
    expect(s.columns).toEqual({ z: "c", y: ["a", "b"] });
    assign(s, "columns", "y", ["b"]);
    expect(s.columns).toEqual({ z: "c", y: "b" });
    assign(s, "columns", "y", []);
    expect(s.columns).toEqual({ z: "c" });
    expect([namesOf(undefined), namesOf("a"), namesOf(["a", "b"])]).toEqual([[], ["a"], ["a", "b"]]);
  });

  test("limits and weights have maps of their own, which may be absent", () => {
    const s = source();
    assign(s, "weights", "y", ["w"]);
    expect(s.weights).toEqual({ y: "w" });
    expect(s.censored).toBeUndefined();
  });
});
