// `npm start`: builds everything and opens the application on an example. Without a display it
// runs the same study on the command line.
import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildApplication, buildEngine, install, program, step } from "./steps.mjs";

const EXAMPLE = "hudson-bay-neural";
const display =
  process.platform !== "linux" || process.env.DISPLAY || process.env.WAYLAND_DISPLAY;

install("build");
buildEngine();
if (display) {
  buildApplication();
  const app = spawnSync(program("slopefield-desktop"), ["--example", EXAMPLE], {
    stdio: "inherit",
  });
  process.exit(app.status ?? 1);
}
console.log("\nThere is no display, so the example runs on the command line instead of in the window.");
const folder = mkdtempSync(join(tmpdir(), "slopefield-"));
const project = join(folder, `${EXAMPLE}.slopefield`);
const slopefield = program("slopefield");
step("Fit", slopefield, ["fit", `examples/${EXAMPLE}/study.toml`, "--out", project]);
step("Forecast", slopefield, ["forecast", project, "--points", "16"]);
step("Report", slopefield, ["report", project]);
console.log(`\nThe project is ${project}; the report, a web page, is beside it.`);
