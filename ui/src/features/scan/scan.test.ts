// The Scan screen over the recorded host.

import { flushSync } from "svelte";
import { describe, expect, test, vi } from "vitest";
import { find, open, press, see, text } from "../../app/testing";
import type { ScanRequest } from "../../generated/api";
import { createFakePlatform, type FakeOptions } from "../../platform/fake";

async function begin(options: FakeOptions = {}) {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0, ...options });
  const session = await open(platform, "hare-lynx");
  await vi.waitFor(() => expect(session.scan.axes).toHaveLength(1));
  session.go("scan");
  flushSync();
  const asked = () => platform.calls.filter((c) => c.command === "scan_overview").map((c) => c.request as ScanRequest);
  return { platform, session, asked };
}

function write(id: string, value: string): void {
  const field = find<HTMLInputElement>(id);
  if (!field) throw new Error(`there is no ${id}`);
  field.value = value;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.dispatchEvent(new FocusEvent("blur"));
  flushSync();
}

function choose(id: string, value: string): void {
  const field = find<HTMLSelectElement>(id);
  if (!field) throw new Error(`there is no ${id}`);
  field.value = value;
  field.dispatchEvent(new Event("change", { bubbles: true }));
  flushSync();
}

describe("a scan", () => {
  test("begins with the first parameter around its value, runs, and says what computed it", async () => {
    const { session, asked } = await begin();
    await see("scan-empty");
    expect(text("scan-run")).toContain("61 trajectories");
    press("scan-run");
    await see("scan-plot");
    expect(text("scan-report")).toContain("61 trajectories · the processor: all of it takes about 4 ms there · tsit5");
    const [request] = asked();
    const alpha = session.text.report?.parameters.find((p) => p.name === "alpha")?.value ?? NaN;
    expect(request?.axes).toHaveLength(1);
    expect(request?.axes[0]).toMatchObject({ name: "alpha", count: 61 });
    expect(request!.axes[0]!.from).toBeLessThan(alpha);
    expect(request!.axes[0]!.to).toBeGreaterThan(alpha);
    expect(request).toMatchObject({ random: null, table: null, device: "auto", simulate: { points: null, paths: null, rtol: null } });
    expect(find("scan-outdated")).toBeNull();
  });

  test("of two parameters is a map, whose quantity and moment can be chosen", async () => {
    const { asked } = await begin();
    press("scan-add");
    expect(text("scan-run")).toContain("961 trajectories");
    choose("scan-2-name", "gamma");
    write("scan-2-count", "5");
    expect(text("scan-run")).toContain("155 trajectories");
    press("scan-run");
    await see("scan-measure");
    expect(asked()[0]?.axes.map((a) => [a.name, a.count])).toEqual([["alpha", 31], ["gamma", 5]]);
    expect(find("scan-plot")?.getAttribute("aria-label")).toContain("Map");
    choose("scan-quantity", "lynx");
    choose("scan-measure", "greatest");
    expect(find("scan-plot")?.getAttribute("aria-label")).toBe("Map of lynx");
    press("scan-2-remove");
    expect(text("scan-run")).toContain("61 trajectories");
    expect(find("scan-outdated")).not.toBeNull();
  });

  test("uses the values of the sliders, and is outdated when they move", async () => {
    const { session, asked } = await begin();
    session.explore.set("gamma", 0.75);
    press("scan-run");
    await see("scan-plot");
    expect(asked()[0]?.simulate.set["gamma"]).toBe(0.75);
    session.explore.set("gamma", 0.5);
    flushSync();
    expect(find("scan-outdated")).not.toBeNull();
  });

  test("takes random values, a device and a tolerance", async () => {
    const { asked } = await begin();
    choose("scan-way", "random");
    write("scan-random", "40");
    choose("scan-device", "gpu");
    write("scan-rtol", "1e-4");
    press("scan-run");
    await see("scan-plot");
    expect(asked()[0]).toMatchObject({ random: 40, device: "gpu", simulate: { rtol: 1e-4, atol: 1e-6 } });
    expect(find("scan-plot")?.getAttribute("aria-label")).toContain("Bands");
    press("scan-ends");
    expect(find("scan-plot")?.getAttribute("aria-label")).toContain("Ends");
  });

  test("takes the rows of a table that was chosen", async () => {
    const { asked } = await begin();
    choose("scan-way", "table");
    expect(text("scan-why")).toContain("Choose the table");
    expect(find("scan-run")?.hasAttribute("disabled")).toBe(true);
    press("scan-table");
    await vi.waitFor(() => expect(text("scan-table-name")).toBe("hudson_bay_lynx_hare.csv"));
    press("scan-run");
    await see("scan-plot");
    expect(asked()[0]).toMatchObject({ axes: [], table: "/home/ada/data/hudson_bay_lynx_hare.csv" });
  });

  test("tells where it is, and is stopped without a word of failure", async () => {
    const { platform, session } = await begin();
    platform.hangNext();
    press("scan-run");
    await vi.waitFor(() => expect(text("scan-progress")).toContain("40 %, 6.0 s left"));
    expect(text("job-state")).toBe("Scanning: 61 trajectories");
    press("scan-job-stop");
    await vi.waitFor(() => expect(session.scan.running).toBe(false));
    flushSync();
    expect(platform.calls.some((c) => c.command === "scan_stop")).toBe(true);
    expect([find("scan-failed"), find("scan-plot")]).toEqual([null, null]);
    expect(find("scan-empty")).not.toBeNull();
  });

  test("a failure is said in the engine's words, and the last picture stays", async () => {
    const { platform } = await begin();
    press("scan-run");
    await see("scan-plot");
    platform.failNext("scan_overview", { code: "solve", message: "the equation of `hare` gave no finite number", advice: "Take a smaller range.", details: [] });
    press("scan-run");
    await see("scan-failed");
    expect(text("scan-failed")).toContain("Take a smaller range.");
    expect(find("scan-plot")).not.toBeNull();
  });

  test("what makes no sense is said before anything runs", async () => {
    const { asked } = await begin();
    write("scan-1-from", "-1");
    find("scan-1-log")?.click();
    flushSync();
    if (!find<HTMLInputElement>("scan-1-log")?.checked) find("scan-1-log")?.click();
    flushSync();
    expect(text("scan-why")).toContain("both ends must be above 0");
    expect(find("scan-run")?.hasAttribute("disabled")).toBe(true);
    expect(asked()).toEqual([]);
  });

  test("its numbers are saved where the user says", async () => {
    const { platform } = await begin();
    press("scan-run");
    await see("scan-save");
    press("scan-save");
    await see("scan-saved");
    expect(platform.calls.find((c) => c.command === "scan_save")?.request).toEqual({ path: "/home/ada/studies/scan.csv" });
    expect(text("scan-saved")).toContain("Saved as scan.csv");
  });

  test("another project begins anew, and a name that is gone is not scanned", async () => {
    const { session } = await begin();
    press("scan-run");
    await see("scan-plot");
    await session.create();
    session.go("scan");
    flushSync();
    expect(session.scan.scanned).toBeNull();
    await vi.waitFor(() => expect(session.scan.axes.some((a) => a.name === "alpha")).toBe(false));
  });
});
