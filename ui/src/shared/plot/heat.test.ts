import { expect, test } from "vitest";
import { pixels, viridis } from "./heat";

test("colours go from dark to light", () => {
  expect(viridis(0)).toEqual([68, 1, 84]);
  expect(viridis(1)).toEqual([253, 231, 37]);
  expect(viridis(0.5)).toEqual([33, 144, 141]);
  expect(viridis(7)).toEqual(viridis(1));
});

test("the last row is on top and holes are clear", () => {
  const { data, width, height } = pixels([[0, 1], [NaN, 0]], 0, 1);
  expect([width, height]).toEqual([2, 2]);
  const pixel = (i: number) => [...data.slice(4 * i, 4 * i + 4)];
  expect(pixel(0)).toEqual([0, 0, 0, 0]);
  expect(pixel(1)).toEqual([68, 1, 84, 255]);
  expect(pixel(2)).toEqual([68, 1, 84, 255]);
  expect(pixel(3)).toEqual([253, 231, 37, 255]);
});

test("equal numbers have one colour", () => {
  expect([...pixels([[3, 3]], 3, 3).data.slice(0, 3)]).toEqual([68, 1, 84]);
});
