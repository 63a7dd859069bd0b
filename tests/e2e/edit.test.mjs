// Model text, data and sliders: what a user does before training.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { choose, id, openExample, picture, traces, withWindow, writeModel } from "./setting.mjs";
import { until } from "./webdriver.mjs";

const MODEL = [
  'model "Decay"',
  "state x = x0",
  "param x0 = 2 in [0.1, 10]",
  "param k = 0.5 in [0.01, 5] log",
  "x' = -k*x",
  "observe y = x",
  "",
].join("\n");

test("errors stand in the text, and a model and a table become a trained project", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slopefield-e2e-"));
  const table = join(folder, "decay.csv");
  // Exactly x = 3 exp(-0.8 t): the fit has to find both numbers.
  const rows = Array.from({ length: 21 }, (_, i) => `${i / 4},${3 * Math.exp((-0.8 * i) / 4)}`);
  writeFileSync(table, `time,y\n${rows.join("\n")}\n`);
  try {
    await withWindow({ folder, env: { SLOPEFIELD_E2E_OPEN: table } }, async (page) => {
      await page.click(id("new-project"));
      await page.see(id("project-title"), /Untitled/);
      await page.click(id("nav-model"));
      await writeModel(page, MODEL.replace("-k*x", "-k*y2"));
      await page.see(id("diagnostics"), /y2/);
      assert.ok(await page.exists(".cm-lintRange-error"), "the place is underlined");
      await picture(page, "model-error");
      await writeModel(page, MODEL);
      await page.see(id("classification"), /one state/);
      await page.see(id("equations"), /./);

      await page.click(id("nav-data"));
      await page.click(id("pick-data"));
      await page.see(id("preview"), /21/);
      await page.click(id("import"));
      await page.see(id("tables"), /decay/);
      await picture(page, "data");

      await page.click(id("nav-train"));
      await page.click(id("train"));
      await page.see(id("job-state"), /finished/, 60_000);
      await page.click(id("nav-results"));
      const fitted = await page.see(id("fitted"), /x0/);
      assert.match(fitted, /0\.80?0?/);
      assert.match(fitted, /3\.0|3(?!\d)/);

      // The import is one step of undo, and comes back.
      await page.click(id("nav-data"));
      await page.click(id("undo"));
      await until("no table", async () => !/decay/.test((await page.text(id("tables"))) ?? ""));
      await page.click(id("redo"));
      await page.see(id("tables"), /decay/);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("a table with decimal commas is refused with the place", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slopefield-e2e-"));
  const table = join(folder, "commas.csv");
  writeFileSync(table, "t;y\n0;1,5\n1;2,5\n");
  try {
    await withWindow({ folder, env: { SLOPEFIELD_E2E_OPEN: table } }, async (page) => {
      await page.click(id("new-project"));
      await page.see(id("project-title"), /Untitled/);
      await page.click(id("nav-data"));
      await page.click(id("pick-data"));
      await page.see(id("error-message"), /line 2/);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("values below a limit are triangles, and a second column is a replicate", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slopefield-e2e-"));
  const table = join(folder, "assay.csv");
  const values = Array.from({ length: 9 }, (_, i) => 3 * Math.exp(-0.8 * i));
  const cell = (y) => (y < 0.1 ? "<0.1" : `${y}`);
  writeFileSync(table, `time,y,again\n${values.map((y, i) => `${i},${cell(y)},${1.1 * y}`).join("\n")}\n`);
  const below = values.filter((y) => y < 0.1).length;
  try {
    await withWindow({ folder, env: { SLOPEFIELD_E2E_OPEN: table } }, async (page) => {
      await page.click(id("new-project"));
      await page.see(id("project-title"), /Untitled/);
      await page.click(id("nav-model"));
      await writeModel(page, MODEL.replace("observe y = x", "observe y = x with normal(0.1)"));
      await page.see(id("classification"), /one state/);
      await page.click(id("nav-data"));
      await page.click(id("pick-data"));
      await page.see(id("preview"), /below a limit; the column y_censored says which/);
      await page.click(id("import"));
      await page.see(id("tables"), /assay/);
      const points = async (symbol) => {
        const all = (await traces(page, "data-plot")).filter((t) => t.mode === "markers");
        return all.filter((t) => (t.symbol ?? "circle") === symbol).reduce((sum, t) => sum + t.x.length, 0);
      };
      await until("triangles", async () => (await points("triangle-down")) === below);
      assert.equal(await points("circle"), 9 - below);
      await page.click(`${id("more-y")} summary`);
      await choose(page, "replicate-y", "again");
      await until("points of both columns", async () => (await points("circle")) === 18 - below);
      await page.see(`${id("more-y")} summary`, /2 replicates, limits/);
      await picture(page, "limits");

      await page.click(id("nav-train"));
      await page.click(id("train"));
      await page.see(id("job-state"), /finished/, 60_000);
      await page.click(id("nav-results"));
      // Between the two columns, and the limits pull nothing up.
      assert.match(await page.see(id("fitted"), /x0/), /3\.1\d/);
      await page.click(id("nav-data"));
      await page.click(id("undo"));
      await until("one column again", async () => (await points("circle")) === 9 - below);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the simulation follows the sliders", async () => {
  await withWindow({}, async (page) => {
    await openExample(page, "hudson-bay", /Hudson Bay/);
    await page.click(id("nav-explore"));
    const curve = async () => {
      const lines = (await traces(page, "explore-plot")).filter((t) => t.mode === "lines");
      return lines[0]?.y[50];
    };
    const before = await until("a curve", curve);
    await page.js(
      `const slider = document.querySelector('[data-testid="slider-alpha"]');
       slider.value = Number(slider.min) + 0.7 * (Number(slider.max) - Number(slider.min));
       slider.dispatchEvent(new Event("input", { bubbles: true }));`,
    );
    await until("another curve", async () => Math.abs((await curve()) - before) > 0.1);
    await page.see(id("solve-report"), /steps/);
    await picture(page, "explore");
    await page.click(id("theme"));
    await new Promise((done) => setTimeout(done, 400));
    await picture(page, "explore-dark");
  });
});
