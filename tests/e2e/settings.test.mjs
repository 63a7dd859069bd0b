// The recipe and the settings of the study, changed in the window and found again in the run.
import assert from "node:assert/strict";
import { test } from "node:test";
import { choose, id, openExample, picture, withWindow } from "./setting.mjs";
import { until } from "./webdriver.mjs";

/** Puts a number into a field of the Train screen and leaves it with Enter. */
async function enter(page, field, text) {
  await page.click(id(field));
  await page.keys("\uE009", "a");
  await page.type(id(field), `${text}\uE007`);
}
const value = (page, field) =>
  page.js("return document.querySelector(arguments[0])?.value ?? null", id(field));
const becomes = (page, field, wanted) =>
  until(`${field} ${wanted}`, async () => (await value(page, field)) === wanted);

test("stages and a tolerance of one's own are trained with, recorded, and undone", async () => {
  await withWindow({}, async (page) => {
    await openExample(page, "lotka-volterra", /Lotka/);
    await page.click(id("nav-train"));
    const planned = await page.see(id("stages"), /L-BFGS/);
    await page.click(id("edit-stages"));
    await page.see(id("stage-1"));

    // Down to one stage: Adam, 50 iterations, on all of the data.
    while (await page.exists(id("stage-2"))) {
      const stages = () => page.js(`return document.querySelectorAll('li[data-testid^="stage-"]').length`);
      const before = await stages();
      await page.click(id("stage-2-remove"));
      await until("a stage less", async () => (await stages()) === before - 1);
    }
    await choose(page, "stage-1-optimiser", "adam");
    await page.see(id("stage-1-rate"));
    await enter(page, "stage-1-iterations", "none");
    await page.see(id("stage-1"), /a whole number from 1 on/);
    await enter(page, "stage-1-iterations", "50");
    await enter(page, "stage-1-horizon", "100");
    await enter(page, "stage-1-rate", "0.02");
    await becomes(page, "stage-1-rate", "0.02");

    await page.click(id("settings-toggle"));
    await page.see(id("solver"), /Tsit5/);
    assert.equal(await value(page, "rtol"), "1e-6");
    await enter(page, "rtol", "2e-5");
    await becomes(page, "rtol", "2e-5");
    await picture(page, "settings");

    await page.click(id("train"));
    await page.see(id("job-state"), /Run 1 finished/, 60_000);
    assert.equal(await page.text(id("iteration")), "50 / 50");
    await page.see(id("method"), /Solver.*Gradient/s);
    await picture(page, "settings-trained");

    await page.click(id("nav-results"));
    await page.see(id("run-1"), /finished/);
    await page.click(id("page-provenance"));
    const provenance = await page.see(id("provenance"), /rtol/);
    assert.match(provenance, /rtol\s*(0\.00002|2e-5)(?!\d)/);
    assert.match(provenance, /stages are those of the study/);

    // Back step by step, as long as there is something to undo: the recipe is the program's again.
    await page.click(id("nav-train"));
    await page.click(id("undo"));
    await becomes(page, "rtol", "1e-6");
    assert.equal(await value(page, "stage-1-iterations"), "50");
    await until("the default recipe", async () => {
      if (!(await page.exists(id("edit-stages")))) await page.click(id("undo"));
      return page.exists(id("edit-stages"));
    });
    assert.equal(await page.text(id("stages")), planned);
    await page.click(id("redo"));
    await page.see(id("stage-1-iterations"));
  });
});
