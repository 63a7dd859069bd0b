// `npm test`: everything that must hold, from formatting to the real application under a virtual
// display. `npm test -- --quick` leaves out the application.
import { bundlePlugins, install, program, step, times } from "./steps.mjs";

const quick = process.argv.includes("--quick");

install("test");
step("Format", "cargo", ["fmt", "--all", "--check"]);
step("Types of the window", "npm", ["run", "-s", "check"]);
step("Lint of the window", "npm", ["run", "-s", "lint"]);
step("Tests of the window", "npm", ["run", "-s", "test:ui"]);
step("Page", "npm", ["run", "-s", "build"]);
// One selection of packages, features and targets for all that follows, so that no crate is compiled
// twice: dev-dependencies add features to serde and tauri, and `tauri build` has others again. The
// page is inside the application, as in the one that is shipped (`custom-protocol`). Clippy reads our
// crates while they are compiled, as `cargo clippy` has it do with a check of its own, which would go
// through five hundred crates for nothing.
const all = ["--workspace", "--features", "slopefield-desktop/e2e"];
const lint = {
  RUSTC_WORKSPACE_WRAPPER: "clippy-driver",
  CLIPPY_ARGS: "-Dwarnings__CLIPPY_HACKERY__",
};
step("Build and lint", "cargo", ["build", ...all, "--lib", "--bins", "--tests", "--examples"], lint);
bundlePlugins();
// The same random cases every time: what fails here fails for the next reader too. Other cases come
// with another PROPTEST_RNG_SEED, or with none under `cargo test`.
const cases = { PROPTEST_RNG_SEED: process.env.PROPTEST_RNG_SEED ?? "20180620" };
step("Tests of the engine", "cargo", ["test", ...all, "--no-fail-fast"], { ...lint, ...cases });
if (!quick) {
  const test = ["--test", "--test-concurrency=1", "--test-reporter=spec", "tests/e2e/"];
  const quiet = { NO_AT_BRIDGE: "1", DBUS_SESSION_BUS_ADDRESS: "disabled:" };
  const env = { ...quiet, SLOPEFIELD_APP: program("slopefield-desktop") };
  if (process.platform === "linux") {
    const screen = ["-a", "-s", "-screen 0 1440x900x24"];
    step("The application", "xvfb-run", [...screen, process.execPath, ...test], env);
  } else {
    console.log("The end-to-end tests drive the web view of Linux; they are left out here.");
  }
}
times();
