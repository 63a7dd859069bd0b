// A headless Chromium on the recorded host, under the content policy of the packaged application.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build, preview } from "vite";

const root = fileURLToPath(new URL("..", import.meta.url));
const outDir = join(root, "../node_modules/.cache/slopefield-ui-fake");

/** Builds the page for the recorded host and serves it; returns its address and how to end. */
export async function serve() {
  const configFile = join(root, "vite.config.ts");
  await build({ configFile, mode: "fake", logLevel: "error", build: { outDir, emptyOutDir: true } });
  const server = await preview({ configFile, mode: "fake", build: { outDir }, preview: { port: 5190, strictPort: false } });
  return { url: server.resolvedUrls.local[0], close: () => server.close() };
}

/** A browser from CHROMIUM, or where Debian puts it. */
export function launch() {
  const places = [process.env.CHROMIUM, "/usr/bin/chromium-headless-shell", "/usr/bin/chromium", "/usr/bin/google-chrome"];
  const executablePath = places.find((p) => p && existsSync(p));
  if (!executablePath) throw new Error("no Chromium found; set CHROMIUM to its path");
  return chromium.launch({ executablePath, args: ["--no-sandbox"] });
}

/** A page that collects what should never happen: errors of the page and violations of the policy. */
export async function openPage(browser, url, { width = 1440, height = 900, dark = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light" });
  const page = await context.newPage();
  const complaints = [];
  page.on("pageerror", (e) => complaints.push(String(e)));
  page.on("console", (m) => m.type() === "error" && complaints.push(m.text()));
  await page.exposeFunction("complain", (text) => complaints.push(text));
  await page.addInitScript(() =>
    document.addEventListener("securitypolicyviolation", (e) => window.complain(`${e.violatedDirective} in ${e.sourceFile}:${e.lineNumber}:${e.columnNumber}`)),
  );
  await page.goto(url);
  await page.getByTestId("app").waitFor();
  return { page, complaints, close: () => context.close() };
}

/** Waits until no plot has been redrawn for a moment. */
export async function settled(page, quiet_ms = 250) {
  const draws = () => page.$$eval("[data-drawn]", (all) => all.map((e) => e.dataset.drawn).join());
  for (let before = null, now = await draws(); before !== now; before = now, now = await draws()) await page.waitForTimeout(quiet_ms);
}
