// How good a run is by itself, over the recorded host.

import { flushSync } from "svelte";
import { expect, test, vi } from "vitest";
import { find, open, see, text } from "../../app/testing";
import { createFakePlatform } from "../../platform/fake";

async function results(edit: (model: string) => string) {
  const platform = createFakePlatform({ delay_ms: 0, step_ms: 0, stride: 40 });
  const session = await open(platform, "hare-lynx");
  await session.project.edit({ kind: "model", text: edit(session.project.view?.model ?? "") });
  await session.train();
  session.go("results");
  flushSync();
  await see("criteria");
  return session;
}

test("criteria stand beside the log-likelihood of a run", async () => {
  const session = await results((model) => model);
  // 2·6 + 2·118.4, and 6 ln n + 2·118.4 for the points of both animals that were trained on.
  const points = session.results.run?.scores.reduce((sum, s) => sum + s.points, 0) ?? NaN;
  await vi.waitFor(() => expect(text("criteria")).toMatch(/Log-likelihood\s*−118\.4.*AIC\s*248\.8/s));
  expect(text("criteria")).toContain(Number((6 * Math.log(points) + 236.8).toPrecision(6)).toString());
  expect([...find("criteria")!.querySelectorAll("tr")].map((row) => row.title).join()).toContain(`6 free parameters, ${points} points`);
  expect(find("no-criteria")).toBeNull();
});

test("least squares have none, and the window says what is lacking", async () => {
  await results((model) => model.replace(/ with lognormal\(sigma_lynx\)/, ""));
  await see("no-criteria");
  expect(text("no-criteria")).toBe("AIC and BIC: needs a noise model: lynx_pelts has none.");
  expect(text("criteria")).not.toContain("Log-likelihood");
});
