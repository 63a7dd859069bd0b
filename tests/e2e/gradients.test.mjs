// The gradient lab: every method on the open project, the sentence of the choice, and taking one.
import assert from "node:assert/strict";
import { test } from "node:test";
import { id, openExample, picture, withWindow } from "./setting.mjs";
import { until } from "./webdriver.mjs";

test("methods are compared on the open project, and one is taken into the study", async () => {
  await withWindow({}, async (page) => {
    await openExample(page, "lotka-volterra", /Lotka/);
    await page.click(id("nav-gradients"));
    await page.see(id("gradients-empty"));
    await page.click(id("gradients-run"));
    await page.see(id("gradients-table"), /./, 60_000);
    const discrete = await page.see(id("gradient-discrete"), /exact/);
    assert.match(discrete, /right/);
    assert.match(await page.text(id("gradient-gauss")), /right/);
    assert.match(await page.text(id("gradients-choice")), /Discrete adjoint: about .* forward solves/);
    assert.match(await page.text(id("gradients-summary")), /is the fastest here/);
    await picture(page, "gradient-lab");

    await page.click(id("gradient-forward-use"));
    await page.see(id("gradient-forward"), /in use/);
    await page.see(id("gradients-outdated"), /have changed/);
    await page.click(id("nav-train"));
    await page.click(id("train"));
    await page.see(id("job-state"), /Run 1 finished/, 60_000);
    await page.see(id("method"), /Forward sensitivities, as the study says/);
    await until("the check is in the log", async () =>
      /Gradient checked against differences of the loss with the same steps/.test(await page.text(id("log"))),
    );

    await page.click(id("theme"));
    await page.click(id("nav-gradients"));
    await page.click(id("gradients-run"));
    await page.see(id("gradients-table"), /./, 60_000);
    await picture(page, "gradient-lab-dark");
  });
});
