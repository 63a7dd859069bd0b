import { describe, expect, test, vi } from "vitest";
import type { SimulateRequest } from "../generated/api";
import { createFakePlatform } from "../platform/fake";
import { writeValues } from "./modelEdit";
import { Session } from "./session.svelte";
import { fromPosition, parameterRange, stateRange, toPosition } from "./sliders";

async function exploring(delay_ms = 0) {
  const platform = createFakePlatform({ delay_ms });
  const session = new Session(platform);
  await session.project.openExample("hare-lynx");
  await vi.waitFor(() => expect(session.text.report?.ok).toBe(true));
  session.explore.follow(session.text.report!, session.text.reported);
  await session.explore.idle();
  const asked = () => platform.calls.filter((c) => c.command === "simulate").map((c) => c.request as SimulateRequest);
  return { platform, session, explore: session.explore, asked };
}

describe("sliders", () => {
  test("a burst of moves asks for the first and the last", async () => {
    const { explore, asked } = await exploring(5);
    const before = asked().length;
    for (let i = 1; i <= 50; i++) explore.set("alpha", i / 100);
    await explore.idle();
    const sent = asked().slice(before).map((r) => r.set["alpha"]);
    expect(sent).toEqual([0.01, 0.5]);
  });

  test("nothing is solved for a screen that is not shown; what was missed comes when it is", async () => {
    const { explore, asked } = await exploring();
    const before = asked().length;
    explore.show(false);
    explore.set("alpha", 0.1);
    explore.set("alpha", 0.2);
    await explore.idle();
    expect(asked().length).toBe(before);
    explore.show(true);
    await explore.idle();
    expect(asked().slice(before).map((r) => r.set["alpha"])).toEqual([0.2]);
    explore.show(false);
    explore.show(true);
    await explore.idle();
    expect(asked().length).toBe(before + 1);
  });

  test("what the study says about the solve is followed", async () => {
    const { session, explore, asked } = await exploring();
    const before = asked().length;
    await session.project.editStudy((study) => (study.solver.reactions = "jumps"));
    await explore.idle();
    expect(asked().slice(before).map((r) => r.reactions)).toEqual(["jumps"]);
    await session.project.editStudy((study) => (study.training.gradient = "gauss"));
    await explore.idle();
    expect(asked().length).toBe(before + 1);
  });

  test("the trajectory is that of the last values", async () => {
    const { explore } = await exploring();
    explore.set("beta", 0.0001);
    explore.set("delta", 0.0001);
    explore.set("alpha", 0.1);
    explore.span(1900, 1910);
    await explore.idle();
    const hare = explore.trajectory?.columns.find((c) => c.name === "hare")?.values;
    // Almost no predation: the hares grow by e in ten years.
    expect((hare?.at(-1) ?? 0) / 30).toBeCloseTo(Math.E, 1);
    expect(explore.trajectory?.times.at(-1)).toBe(1910);
  });

  test("runs through the data to the end of the forecast unless told otherwise", async () => {
    const { explore } = await exploring();
    expect(explore.window()).toEqual([1900, 1930]);
  });

  test("sends initial values only where they were moved", async () => {
    const { explore, asked } = await exploring();
    expect(Object.keys(asked().at(-1)!.set)).not.toContain("hare");
    explore.set("hare", 50);
    await explore.idle();
    expect(asked().at(-1)!.set["hare"]).toBe(50);
  });

  test("keeps moved values when the model changes elsewhere, and takes changed defaults", async () => {
    const { session, explore } = await exploring();
    explore.set("alpha", 1);
    explore.set("gamma", 2);
    session.text.type(session.text.text.replace("param gamma = 0.6", "param gamma = 0.9"));
    await vi.waitFor(() => expect(session.text.stale).toBe(false));
    explore.follow(session.text.report!, session.text.reported);
    expect(explore.values).toMatchObject({ alpha: 1, gamma: 0.9 });
    expect(explore.changed).toEqual(["alpha"]);
  });

  test("a failed solve keeps the last curve and says why", async () => {
    const { platform, explore } = await exploring();
    const before = explore.trajectory;
    platform.failNext("simulate", { code: "solve", message: "`hare` is not finite at t = 3", advice: "Lower alpha.", details: [] });
    explore.set("alpha", 5);
    await explore.idle();
    expect(explore.failure?.message).toBe("`hare` is not finite at t = 3");
    expect(explore.trajectory).toBe(before);
    explore.set("alpha", 0.5);
    await explore.idle();
    expect(explore.failure).toBeNull();
  });

  test("a simulation that takes long can be stopped, and the next one runs", async () => {
    const { platform, explore, asked } = await exploring();
    const before = explore.trajectory;
    const count = asked().length;
    platform.hangNext();
    explore.set("alpha", 0.4);
    explore.set("alpha", 0.45);
    await vi.waitFor(() => expect(explore.slow).toBe(true), { timeout: 3000 });
    const told = explore.stop();
    expect(explore.stopping).toBe(true);
    await told;
    await explore.idle();
    expect([explore.slow, explore.stopping]).toEqual([false, false]);
    expect(explore.failure?.code).toBe("cancelled");
    expect(explore.trajectory).toBe(before);
    // What waited behind it was forgotten with it.
    expect(asked().length).toBe(count + 1);
    explore.set("alpha", 0.5);
    await explore.idle();
    expect(explore.failure).toBeNull();
    expect(explore.slow).toBe(false);
  });

  test("use these values writes the moved ones into the text", async () => {
    const { session, explore } = await exploring();
    explore.set("alpha", 0.5823);
    explore.set("hare", 33);
    expect(explore.useValues()).toEqual([]);
    expect(session.text.text).toContain("param alpha = 0.5823   {1/year}");
    expect(session.text.text).toContain("state hare = 33 {thousand}");
    expect(session.text.text).toContain("param beta  = 0.04 ");
  });
});

describe("writeValues", () => {
  const text = "param k = 1e-3 in [0, 1]\nparam k2 = 2 # k = 9\nstate x = 1, x' = 0\nstate y = k*2\nconst k3 = 5\nparam alpha=.5~ normal(0, 1)";
  test.each([
    [{ k: 0.25 }, "param k = 0.25 in [0, 1]"],
    [{ k2: -3 }, "param k2 = -3 # k = 9"],
    [{ x: 7 }, "state x = 7, x' = 0"],
    [{ alpha: 2 }, "param alpha=2~ normal(0, 1)"],
  ])("%o", (values: Record<string, number>, line) => {
    const result = writeValues(text, values);
    expect(result.text.split("\n")).toContain(line);
    expect(result.text.split("\n").filter((l) => !text.split("\n").includes(l))).toEqual([line]);
    expect(result.skipped).toEqual([]);
  });

  test("leaves expressions, constants and unknown names alone", () => {
    const result = writeValues(text, { y: 1, k3: 1, z: 1 });
    expect(result).toEqual({ text, written: [], skipped: ["y", "k3", "z"] });
  });
});

describe("slider ranges", () => {
  const p = (over: object) => ({ name: "k", unit: null, value: 0.5, lower: null, upper: null, scale: "log", ...over });
  test("log and linear positions are inverse to each other", () => {
    for (const range of [parameterRange(p({})), parameterRange(p({ scale: "linear" })), stateRange({ name: "x", unit: null, initial: -3, bounds: null })]) {
      for (const at of [0, 0.3, 1]) expect(toPosition(fromPosition(at, range), range)).toBeCloseTo(at, 12);
    }
  });
  test("stay inside the bounds and hold the value", () => {
    expect(parameterRange(p({ lower: 1e-4, upper: 5 }))).toEqual({ low: 0.005, high: 5, log: true });
    expect(parameterRange(p({ lower: -1, upper: 1, scale: "linear" }))).toEqual({ low: -1, high: 1, log: false });
    expect(stateRange({ name: "x", unit: null, initial: 4, bounds: [0, 500] })).toEqual({ low: 0, high: 44, log: false });
    expect(parameterRange(p({ value: 0, scale: "log" })).log).toBe(false);
  });
});
