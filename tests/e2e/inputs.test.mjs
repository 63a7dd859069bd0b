// A model that data drive: its input is listed, bound to a column, and the solution follows it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { id, openExample, picture, withWindow } from "./setting.mjs";

test("an input is listed with its column, and the solution follows the rain", async () => {
  await withWindow({}, async (page) => {
    await openExample(page, "rainfall-runoff", /Rain and runoff/);
    await page.click(id("nav-model"));
    await page.see(id("model-inputs"), /rain.*mm\/day.*rain_mm.*previous/s);
    await picture(page, "inputs-model");

    await page.click(id("nav-data"));
    await page.see(id("column-rain"), /rain_mm/);
    const column = `return document.querySelector('[data-testid="column-rain"]').value`;
    assert.equal(await page.js(column), "rain_mm");
    await picture(page, "inputs-data");

    await page.click(id("nav-explore"));
    await page.see(id("solve-report"), /steps.*solved in/s);
    await new Promise((done) => setTimeout(done, 400));
    await picture(page, "inputs-explore");
  });
});
