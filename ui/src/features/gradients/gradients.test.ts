// The gradient lab over the recorded host.

import { flushSync } from "svelte";
import { describe, expect, test, vi } from "vitest";
import { find, open, press as click, see, text } from "../../app/testing";
import { createFakePlatform, type FakeOptions } from "../../platform/fake";

async function begin(options: FakeOptions = {}) {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0, stride: 5, ...options });
  const session = await open(platform, "hare-lynx");
  session.go("gradients");
  flushSync();
  return { platform, session };
}

describe("the gradient lab", () => {
  test("begins empty, runs every method, and says which and why", async () => {
    const { session, platform } = await begin();
    await see("gradients-empty");
    click("gradients-run");
    await see("gradients-table");
    expect(text("gradient-discrete")).toMatch(/exact.*58 µs.*2\.57.*right/s);
    expect(text("gradient-gauss")).toContain("6·10⁻⁶");
    expect(text("gradients-refused")).toContain("the way back drifts");
    expect(text("gradients-choice")).toContain("for 10 unknowns");
    expect(text("gradients-summary")).toContain("Discrete adjoint is the fastest here");
    expect(text("gradient-discrete")).toContain("chosen");
    const request = platform.calls.find((c) => c.command === "gradient")?.request;
    expect(request).toEqual({ study: null, method: null, check: true, compare: true, memory: null, hessian: false });
    expect(session.gradients.phase).toBe("done");
  });

  test("a method can be taken into the study, and the result is then of an older study", async () => {
    const { session } = await begin();
    click("gradients-run");
    await see("gradients-table");
    click("gradient-forward-use");
    await vi.waitFor(() => expect(session.project.view?.study.training.gradient).toBe("forward"));
    await see("gradients-outdated");
    expect(text("gradient-forward")).toContain("in use");
    click("gradients-auto");
    await vi.waitFor(() => expect(session.project.view?.study.training.gradient).toBe("auto"));
    await vi.waitFor(() => expect(find("gradients-outdated")).toBeNull());
  });

  test("tells where it is, and can be stopped", async () => {
    const { session } = await begin({ step_ms: 5 });
    click("gradients-run");
    await vi.waitFor(() => expect(text("gradients-progress")).toContain("Discrete adjoint, 1 of 4"));
    expect(text("job-state")).toContain("Comparing gradients");
    click("gradients-stop");
    await vi.waitFor(() => expect(session.gradients.phase).toBe("done"));
    flushSync();
    expect(session.gradients.reply?.stopped).toBe(true);
    expect(session.gradients.reply!.methods.length).toBeLessThan(3);
  });

  test("a failure is said in the engine's words", async () => {
    const { platform } = await begin();
    platform.failNext("gradient", { code: "solve", message: "experiment pelts: the equation of `hare` gave no finite number", advice: null, details: [] });
    click("gradients-run");
    await see("gradients-failed");
    expect(text("gradients-failed")).toContain("no finite number");
    expect(find("gradients-run")?.hasAttribute("disabled")).toBe(false);
  });

  test("cannot run while something is missing", async () => {
    const { session } = await begin();
    await session.create();
    session.go("gradients");
    flushSync();
    await see("gradients-why");
    expect(find("gradients-run")?.hasAttribute("disabled")).toBe(true);
    expect(find("gradients-empty")).not.toBeNull();
  });
});
