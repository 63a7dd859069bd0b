// What must not be possible, and what must survive.
import assert from "node:assert/strict";
import { test } from "node:test";
import { id, openExample, withWindow, writeModel } from "./setting.mjs";
import { until } from "./webdriver.mjs";

test("the page reaches nothing but its own commands", async () => {
  await withWindow({}, async (page) => {
    const refused = (script) =>
      page.js(`return (async () => { try { ${script}; return "allowed" } catch (e) { return "refused: " + e } })()`);
    assert.match(await refused('eval("1")'), /^refused/);
    assert.match(await refused('await fetch("https://example.org")'), /^refused/);
    const invoke = "await window.__TAURI_INTERNALS__.invoke";
    assert.match(await refused(`${invoke}("plugin:dialog|open", {})`), /^refused/);
    assert.match(await refused(`${invoke}("plugin:shell|execute", {})`), /^refused/);
    assert.match(await refused(`${invoke}("rpc", { command: "no_such", request: {} })`), /^refused/);
    assert.match(await refused(`${invoke}("rpc", { command: "app_info", request: {} })`), /^allowed/);
  });
});

test("no screen breaks the content security policy", async () => {
  await withWindow({}, async (page) => {
    await page.js(
      `window.__violations = [];
       document.addEventListener("securitypolicyviolation", (e) => window.__violations.push(e.violatedDirective + " " + e.blockedURI + " " + e.sourceFile));`,
    );
    await openExample(page, "hudson-bay", /Hudson Bay/);
    for (const screen of ["data", "model", "explore", "train", "results", "plugins"]) {
      await page.click(id(`nav-${screen}`));
      await page.see(id(`screen-${screen}`));
      await new Promise((done) => setTimeout(done, 400));
    }
    assert.deepEqual(await page.js("return window.__violations"), []);
  });
});

test("text of a project stays text", async () => {
  await withWindow({}, async (page) => {
    await openExample(page, "hudson-bay", /Hudson Bay/);
    await page.click(id("nav-model"));
    const hostile = '<img src=x onerror="window.__hit=1">';
    await writeModel(page, `model "${hostile.replaceAll('"', "'")}"\nstate x = 1\nx' = ${hostile}\n`);
    await page.see(id("diagnostics"), /./);
    assert.equal(await page.js("return window.__hit ?? null"), null);
    assert.equal(await page.js(`return document.querySelector("img[src=x]")`), null);
  });
});

test("a worker that dies is replaced and the project is still there", async () => {
  await withWindow({}, async (page) => {
    await openExample(page, "influenza", /Influenza/);
    const pid = Number(/Worker (\d+)/.exec(await page.see(id("worker"), /Worker \d+/))[1]);
    process.kill(pid, "SIGKILL");
    await page.see(id("worker-died"), /./);
    await page.click(id("nav-train"));
    await until("a trained model", async () => {
      if (await page.exists(id("train"))) await page.click(id("train")).catch(() => {});
      return /finished/.test((await page.text(id("job-state"))) ?? "");
    });
    assert.match(await page.text(id("project-title")), /Influenza/);
  });
});
