// A model whose states are arrays: a few elements stand for all, and space and time are one picture.
import assert from "node:assert/strict";
import { test } from "node:test";
import { id, openExample, picture, withWindow } from "./setting.mjs";
import { until } from "./webdriver.mjs";

/** The elements of `u` that have a slider. */
const sliders = (page) =>
  page.js(`return [...document.querySelectorAll('[data-testid^="slider-u["]')].map((e) => e.getAttribute("aria-label"))`);

test("an array is explored by a few elements and as space and time", async () => {
  await withWindow({}, async (page) => {
    await page.js(
      `window.complaints = [];
       const keep = (...what) => window.complaints.push(what.join(" "));
       addEventListener("error", (e) => keep(e.message));
       addEventListener("unhandledrejection", (e) => keep(e.reason));
       addEventListener("securitypolicyviolation", (e) => keep(e.violatedDirective, e.blockedURI));
       console.error = keep;`,
    );
    await openExample(page, "brusselator-1d", /Brusselator/);
    await page.click(id("nav-explore"));
    await until("sliders", async () => (await sliders(page)).length > 0);
    assert.deepEqual(await sliders(page), ["u[1]", "u[20]", "u[40]"]);
    await page.click('[aria-label="Element of u"] option:nth-child(8)');
    await until("the chosen element", async () => (await sliders(page)).includes("u[7]"));

    await page.click(id("way-profile"));
    // A row of pixels for each of the forty elements.
    await until("the picture", () =>
      page.js(
        `const shown = document.querySelector('[data-testid="explore-plot"] image');
         window.copy ??= Object.assign(new Image(), { src: shown.getAttribute("href") ?? shown.getAttribute("xlink:href") });
         return shown.getBBox().width > 100 && window.copy.naturalHeight === 40`,
      ),
    );
    await new Promise((done) => setTimeout(done, 400));
    await picture(page, "arrays");
    await page.click(id("theme"));
    await new Promise((done) => setTimeout(done, 400));
    await picture(page, "arrays-dark");
    assert.deepEqual(await page.js("return window.complaints"), []);
  });
});
