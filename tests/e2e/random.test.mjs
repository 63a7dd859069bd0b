// A model of reactions: run as equations and one by one, one path and the mean of many.
import assert from "node:assert/strict";
import { test } from "node:test";
import { choose, id, picture, withWindow, writeModel } from "./setting.mjs";
import { until } from "./webdriver.mjs";

const MODEL = [
  'model "Births and deaths"',
  "state a = 0",
  "param birth_rate = 1000 in [1, 1e5] log",
  "param death_rate = 10 in [0.1, 1e3] log",
  "reaction birth: 0 -> a rate birth_rate",
  "reaction death: a -> 0 rate death_rate*a",
  "",
].join("\n");

test("reactions are explored as equations, as one random path and as the mean of many", async () => {
  await withWindow({}, async (page) => {
    await page.click(id("new-project"));
    await page.see(id("project-title"), /Untitled/);
    await page.click(id("nav-model"));
    await writeModel(page, MODEL);
    await page.see(id("classification"), /2 reactions|one state/);
    await page.click(id("nav-explore"));
    await page.see(id("solve-report"), /auto-switch.*not stiff|auto-switch.*stiff/s);
    assert.ok(!(await page.exists(id("paths"))), "equations have no random paths");

    await page.click(id("nav-train"));
    await page.click(id("settings-toggle"));
    await page.see(id("solver"), /Radau/);
    await page.see(id("solver"), /SOSRI/);
    await choose(page, "reactions", "jumps");
    await picture(page, "reactions");

    await page.click(id("nav-explore"));
    await page.see(id("paths"), /One random path/);
    await page.see(id("solve-report"), /direct.*events/s);
    await page.click(id("another-path"));
    await page.see(id("another-path"), /Path 2/);
    await picture(page, "random-path");
    await choose(page, "paths", "mean");
    await page.see(id("solve-report"), /means of 200 random paths/);
    await until("the spread around the mean", () =>
      page.js(`return document.querySelectorAll('[data-testid="explore-plot"] .scatterlayer .trace').length === 3`),
    );
    await new Promise((done) => setTimeout(done, 400));
    await picture(page, "random-mean");
  });
});
