import { expect, test, vi } from "vitest";
import { createFakePlatform } from "../platform/fake";
import { PELTS_CSV } from "../platform/fake/samples";
import { bindColumns, guessColumns } from "./import.svelte";
import { Session } from "./session.svelte";

test.each([
  [["y"], ["Y"], { y: "Y" }],
  [["hare_pelts", "lynx_pelts"], ["lynx_thousands", "hare_thousands"], { hare_pelts: "hare_thousands", lynx_pelts: "lynx_thousands" }],
  [["concentration"], ["dose", "concentration"], { concentration: "concentration" }],
  [["a", "b"], ["b"], { a: "", b: "b" }],
  [["u"], ["signal"], { u: "signal" }],
  [["u"], ["one", "two"], { u: "" }],
  [[], ["x"], {}],
])("columns of %j among %j", (observations: string[], columns: string[], expected) => {
  expect(guessColumns(observations, columns)).toEqual(expected);
});

test("the columns of inputs are those that the model names, and no observation takes them", () => {
  const inputs = [{ name: "rain", column: "rain_mm" }, { name: "light", column: "PAR" }];
  expect(bindColumns(["flow"], inputs, ["rain_mm", "gauge"])).toEqual({ flow: "gauge", rain: "rain_mm", light: "" });
});

test("a pasted table is previewed, stored and becomes an experiment with points", async () => {
  const session = new Session(createFakePlatform({ delay_ms: 0 }));
  await session.project.openExample("hare-lynx");
  await session.project.edit({ kind: "remove-table", name: "pelts" });
  expect(session.project.view?.problem.ok).toBe(false);
  await vi.waitFor(() => expect(session.text.report?.ok).toBe(true));
  await session.imports.read({ path: null, text: PELTS_CSV, sheet: null }, session.text.report);
  expect(session.imports.preview?.row_count).toBe(21);
  expect(session.imports.time).toBe("year");
  session.imports.name = "again";
  expect(await session.imports.store()).toBe(true);
  expect(session.imports.preview).toBeNull();
  expect(session.project.view?.problem.experiments[0]?.series.map((s) => s.values.len)).toEqual([21, 21]);
  await session.project.undo();
  expect(session.project.view?.tables).toEqual([]);
});

test("a text that is no table is refused with advice, and nothing is shown", async () => {
  const session = new Session(createFakePlatform({ delay_ms: 0 }));
  await session.project.create();
  await session.imports.read({ path: null, text: "hello", sheet: null }, null);
  expect(session.imports.preview).toBeNull();
  expect(session.errors.note?.error.advice).toContain("header line");
});
