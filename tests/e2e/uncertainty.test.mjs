// How sure a run is: drawn, shown, kept in the file, in the report, and gone when deleted.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { id, openExample, picture, traces, withWindow } from "./setting.mjs";
import { until } from "./webdriver.mjs";

test("a run is asked how sure it is, and the answer stays in the file", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slopefield-e2e-"));
  const project = join(folder, "sure.slopefield");
  try {
    await withWindow({ folder, env: { SLOPEFIELD_E2E_SAVE: project } }, async (page) => {
      await openExample(page, "hudson-bay", /Hare and lynx, Hudson Bay/);
      await page.click(id("nav-train"));
      await page.click(id("train"));
      await page.see(id("job-state"), /finished/, 60_000);
      await page.click(id("nav-results"));
      await page.click(id("page-sure"));
      await page.see(id("sure-empty"), /noise models/);
      await picture(page, "sure-empty");

      await page.click(id("sure-run"));
      await page.see(id("job-state"), /Drawing from the posterior/);
      await page.see(id("sure-table"), /alpha/, 120_000);
      assert.match(await page.text(id("sure-done")), /4,000 draws of 4 chains/);
      assert.match(await page.text(id("sure-coverage")), /It holds \d+ of 42 points/);
      await until("a histogram", async () => (await traces(page, "sure-histogram")).length === 2);
      await until("a cloud of pairs", async () =>
        (await traces(page, "sure-pair")).some((t) => t.x.length === 4000),
      );
      await picture(page, "sure");

      await page.click(id("page-fit"));
      await page.see(id("bands"), /a measurement with 90 %/);
      await until("three bands for each of two observations", async () =>
        (await traces(page, "result-plot-0")).filter((t) => t.fill === "toself").length === 6,
      );
      await picture(page, "bands");
      await page.click(id("theme"));
      await picture(page, "bands-dark");

      await page.click(id("save"));
      await page.see(id("saved-state"), /saved/i);
      await page.click(id("report"));
      await page.see(id("report-path"), /html/);
    });
    const report = readFileSync(join(folder, "sure.html"), "utf8");
    for (const part of [/How sure/, /effective draws/, /Residuals/, /90 % of measurements/])
      assert.match(report, part);

    await withWindow({ folder, args: [project] }, async (page) => {
      await page.see(id("project-title"), /./, 30_000);
      await page.click(id("nav-results"));
      await page.see(id("bands"), /a measurement with 90 %/, 20_000);
      await page.click(id("page-sure"));
      await page.see(id("sure-table"), /sigma_lynx/);
      await page.click(id("sure-delete"));
      await page.click(id("answer-delete"));
      await page.see(id("sure-empty"), /Not asked yet/);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
