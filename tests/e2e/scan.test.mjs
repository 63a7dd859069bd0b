// A scan in the window: a map over two parameters against the solution, its table, random values, the end by hand.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { id, picture, traces, withWindow, writeModel } from "./setting.mjs";
import { until } from "./webdriver.mjs";

const DECAY = "state x = a\nparam k = 1 in [0.1, 10]\nparam a = 2 in [1, 3]\nx' = -k*x\n";
const SLOW = "state x = 1\nstate v = 0\nparam k = 1 in [1, 2]\nx' = 3e4*v\nv' = -3e4*k*x\n";

test("parameters are scanned, the numbers are right and are saved, and a scan is stopped", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slopefield-e2e-"));
  const table = join(folder, "scan.csv");
  try {
    await withWindow({ folder, env: { SLOPEFIELD_E2E_SAVE: table } }, async (page) => {
      await page.see(id("new-project"), /./);
      await page.click(id("new-project"));
      await writeModel(page, DECAY);
      await page.click(id("nav-scan"));
      await page.see(id("scan-empty"), /What if/);
      await page.see(id("scan-run"), /61 trajectories/);
      await picture(page, "scan-empty");

      await page.click(id("scan-run"));
      await page.see(id("scan-report"), /61 trajectories · the processor/, 30_000);
      await page.click(id("scan-add"));
      await page.see(id("scan-run"), /961 trajectories/);
      await page.click(id("scan-run"));
      await page.see(id("scan-report"), /961 trajectories/, 30_000);
      await until("a map with its numbers", async () => (await traces(page, "scan-plot")).some((t) => t.x.length === 961));
      await picture(page, "scan-map");
      await page.click(id("theme"));
      await picture(page, "scan-map-dark");

      await page.click(id("scan-save"));
      await page.see(id("scan-saved"), /scan\.csv/);
      const [header, ...rows] = readFileSync(table, "utf8").trim().split("\n");
      assert.equal(header, "k,a,t,x");
      assert.equal(rows.length, 961 * 201);
      for (const row of rows.filter((_, i) => i % 1000 === 0)) {
        const [k, a, t, x] = row.split(",").map(Number);
        assert.ok(Math.abs(x - a * Math.exp(-k * t)) < 1e-5, row);
      }

      await page.js(
        `const choose = document.querySelector('[data-testid="scan-way"]');
         choose.value = "random";
         choose.dispatchEvent(new Event("change", { bubbles: true }));`,
      );
      await page.see(id("scan-run"), /200 trajectories/);
      await page.click(id("scan-run"));
      await page.see(id("scan-report"), /200 trajectories/, 30_000);
      await until("two bands", async () => (await traces(page, "scan-plot")).filter((t) => t.fill === "toself").length === 2);
      await picture(page, "scan-bands");

      await page.click(id("nav-model"));
      await writeModel(page, SLOW);
      await page.click(id("nav-scan"));
      await page.see(id("scan-run"), /200 trajectories/);
      await page.click(id("scan-run"));
      await page.see(id("job-state"), /Scanning: 200 trajectories/);
      await page.click(id("scan-job-stop"));
      await page.see(id("job-state"), /Nothing is running/, 30_000);
      await page.see(id("scan-run"), /200 trajectories/);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
