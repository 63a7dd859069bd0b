// What every end-to-end test needs: the programs, a folder of its own, the window.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { open } from "./webdriver.mjs";

export const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
export const application =
  process.env.SLOPEFIELD_APP ?? join(root, "target/debug/slopefield-desktop");
export const command = join(dirname(application), "slopefield");

const shots = join(root, "tests/e2e/shots");

/** An attribute selector for a test id. */
export const id = (name) => `[data-testid="${name}"]`;

/** A window with a data folder of its own; `use` gets the page and the folder. */
export async function withWindow({ args = [], env = {}, folder }, use) {
  const own = folder ?? mkdtempSync(join(tmpdir(), "slopefield-e2e-"));
  const page = await open({
    application,
    args,
    // The web view keeps settings of the page (the theme) in the data folder too.
    env: { SLOPEFIELD_DATA_DIR: join(own, "data"), XDG_DATA_HOME: join(own, "web"), ...env },
  });
  try {
    await page.see(id("app"), /./, 40_000);
    await use(page, own);
  } catch (error) {
    mkdirSync(shots, { recursive: true });
    await page.shot(join(shots, `failed-${Date.now()}.png`)).catch(() => {});
    throw error;
  } finally {
    await page.close();
    if (!folder) rmSync(own, { recursive: true, force: true });
  }
}

/** Takes a picture of the window into the folder of pictures. */
export async function picture(page, name) {
  mkdirSync(shots, { recursive: true });
  await page.shot(join(shots, `${name}.png`));
}

/** Opens an example from the welcome screen. */
export async function openExample(page, name, title) {
  await page.see(id(`example-${name}`), /./);
  await page.click(id(`example-${name}`));
  await page.see(id("project-title"), title);
}

/** Puts another text into the model editor, as pasting over everything would. */
export async function writeModel(page, text) {
  await page.click(id("model-text"));
  await page.keys("\uE009", "a");
  await page.js(
    `const data = new DataTransfer();
     data.setData("text/plain", arguments[0]);
     const paste = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
     document.querySelector('[data-testid="model-text"]').dispatchEvent(paste);`,
    text,
  );
}

/** Chooses an option of a field by its value, as a person with the mouse would. */
export const choose = (page, name, value) =>
  page.js(
    `const field = document.querySelector(arguments[0]);
     field.value = arguments[1];
     field.dispatchEvent(new Event("change", { bubbles: true }));`,
    id(name),
    value,
  );

/** The traces of all panels of a figure: mode, colour, fill, numbers. */
export const traces = (page, name) =>
  page.js(
    `const plots = [...document.querySelectorAll(".js-plotly-plot")];
     const mine = plots.filter((p) => p.closest('[data-testid^="' + arguments[0] + '"]'));
     return mine.flatMap((p) => p.data).map((t) => ({
       mode: t.mode, fill: t.fill, colour: t.marker?.color ?? t.line?.color, symbol: t.marker?.symbol, x: [...t.x], y: [...t.y] }))`,
    name,
  );
