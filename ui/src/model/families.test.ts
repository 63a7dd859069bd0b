import { expect, test } from "vitest";
import { families, familyOf, fewOfEach, indexOf, profiles, sampled } from "./families";

const named = (...names: string[]) => names.map((name) => ({ name }));
const array = (name: string, n: number) => Array.from({ length: n }, (_, i) => ({ name: `${name}[${i + 1}]` }));

test("elements of one array are a family", () => {
  expect(familyOf("u[3]")).toBe("u");
  expect(familyOf("w[2,5]")).toBe("w");
  expect(familyOf("x[3]'")).toBe("x'");
  expect(familyOf("u[3](0)")).toBe("u(0)");
  expect(familyOf("hare")).toBe("hare");
  const all = families([...named("a"), ...array("u", 2), ...array("v", 3), ...named("b")]);
  expect(all.map((f) => [f.name, f.items.length])).toEqual([["a", 1], ["u", 2], ["v", 3], ["b", 1]]);
});

test("a large family is shown by its first, middle and last element", () => {
  expect(sampled(array("u", 6))).toHaveLength(6);
  expect(sampled(array("u", 41)).map((x) => x.name)).toEqual(["u[1]", "u[21]", "u[41]"]);
  expect(fewOfEach([...array("u", 2048), ...named("a")]).map((x) => x.name)).toEqual(["u[1]", "u[1024]", "u[2048]", "a"]);
});

test("profiles are long arrays of one index", () => {
  const grid = Array.from({ length: 64 }, (_, i) => ({ name: `w[${i},1]` }));
  expect(profiles([...named("a"), ...array("u", 40), ...array("k", 3), ...grid]).map((f) => f.name)).toEqual(["u"]);
  expect([indexOf("u[0]"), indexOf("u[-2]"), indexOf("x[12]'")]).toEqual([0, -2, 12]);
});
