// The main job: from an example to a trained model, a forecast, a report, a saved project.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { command, id, openExample, picture, traces, withWindow } from "./setting.mjs";
import { until } from "./webdriver.mjs";

test("an example is trained, shown, saved and opened again", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slopefield-e2e-"));
  const project = join(folder, "pelts.slopefield");
  try {
    await withWindow({ folder, env: { SLOPEFIELD_E2E_SAVE: project } }, async (page) => {
      await openExample(page, "hudson-bay", /Hare and lynx, Hudson Bay/);
      await page.see(id("saved-state"), /not saved/i);
      await page.click(id("nav-train"));
      await page.see(id("stages"), /L-BFGS/);
      await page.click(id("train"));
      await page.see(id("job-state"), /finished/, 60_000);
      await page.see(id("log"), /Gradient checked/);
      await until("curves over points", async () => {
        const lines = (await traces(page, "fit-plot")).filter((t) => t.mode === "lines");
        return lines.reduce((sum, t) => sum + t.x.length, 0) > 400;
      });
      await picture(page, "train");

      await page.click(id("nav-results"));
      const fitted = await page.see(id("fitted"), /alpha/);
      assert.match(fitted, /0\.5400/, "alpha of the published maximum likelihood");
      assert.match(fitted, /0\.0271[56]/, "beta");
      await page.see(id("scores"), /hare_pelts/);
      await picture(page, "results");

      await page.click(id("save"));
      await page.see(id("project-title"), /pelts/);
      await page.see(id("saved-state"), /saved/i);
      await page.click(id("report"));
      await page.see(id("report-path"), /html/);
    });
    assert.ok(existsSync(project));
    assert.ok(!existsSync(`${project}-wal`), "a closed project is one file");
    const report = readFileSync(join(folder, "pelts.html"), "utf8");
    assert.match(report, /Fit and forecast/);
    const answer = execFileSync(command, ["project", "verify", project, "--json"]).toString();
    assert.equal(JSON.parse(answer).ok, true, answer);

    // Opened as the file manager does it, with the path as argument.
    await withWindow({ folder, args: [project] }, async (page) => {
      await page.see(id("project-title"), /pelts/, 30_000);
      await page.click(id("nav-results"));
      await page.see(id("run-1"), /./);
      assert.match(await page.see(id("fitted"), /alpha/), /0\.5400/);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("held-out points are drawn apart and the curve runs on into the forecast", async () => {
  await withWindow({}, async (page) => {
    await openExample(page, "hudson-bay-neural", /learned encounter/);
    await page.click(id("nav-train"));
    await page.click(id("train"));
    await page.see(id("job-state"), /finished/, 60_000);
    // The curves are drawn when the worker has sent them, which may be after the end of the training.
    let lines, filled, hollow;
    await until("curves and points of both kinds", async () => {
      const all = await traces(page, "fit-plot");
      lines = all.filter((t) => t.mode === "lines");
      const points = all.filter((t) => t.mode === "markers");
      // Filled points have the colour of their curve; hollow ones that of the paper.
      const isFilled = (t) => lines.some((line) => line.colour === t.colour);
      [filled, hollow] = [points.filter(isFilled), points.filter((t) => !isFilled(t))];
      const end = Math.max(...lines.flatMap((t) => t.x));
      return hollow.length > 0 && filled.length > 0 && end > 1925;
    });
    assert.ok(hollow.every((t) => Math.min(...t.x) >= 1915), "hollow points are the held-out years");
    assert.ok(filled.every((t) => Math.max(...t.x) < 1915), "filled points are those trained on");
    assert.equal(Math.max(...lines.flatMap((t) => t.x)), 1930, "the forecast runs to its end");
    await picture(page, "train-neural");
  });
});

test("a training that was killed is resumed, paused, resumed and stopped in the window", async () => {
  const folder = mkdtempSync(join(tmpdir(), "slopefield-e2e-"));
  const project = join(folder, "long.slopefield");
  try {
    const script = `
      cp -r "$0" "$1/spiral" && cd "$1/spiral"
      printf '[training]\\nrecipe = "custom"\\n[[training.stages]]\\niterations = 4000000\\nrate = 0.001\\n' >> study.toml
      "$2" -q fit study.toml --out "$3" & sleep 4; pkill -9 -P $$; kill -9 $! ; wait $! || true`;
    const examples = join(import.meta.dirname, "../../examples/spiral");
    execFileSync("bash", ["-c", script, examples, folder, command, project], { stdio: "ignore" });
    await withWindow({ folder, args: [project] }, async (page) => {
      await page.see(id("project-title"), /long/, 30_000);
      await page.click(id("nav-results"));
      await page.see(id("run-1"), /interrupted/i);
      await page.click(id("resume"));
      await page.click(id("nav-train"));
      const iteration = async () => Number((await page.text(id("iteration"))).split("/")[0].replace(/\D/g, ""));
      await until("iterations", async () => (await iteration()) > 100);
      await page.click(id("pause"));
      await page.see(id("job-state"), /paused/i);
      const held = await iteration();
      await new Promise((done) => setTimeout(done, 700));
      assert.equal(await iteration(), held, "nothing moves while it is paused");
      await page.click(id("pause"));
      await until("more iterations", async () => (await iteration()) > held);
      const began = Date.now();
      await page.click(id("stop"));
      await page.see(id("job-state"), /stopped|finished/i, 5_000);
      assert.ok(Date.now() - began < 4_000);
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("the program opens what its command line names", async () => {
  await withWindow({ args: ["--example", "influenza"] }, async (page) => {
    await page.see(id("project-title"), /Influenza/, 30_000);
  });
});
