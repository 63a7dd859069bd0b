// What `npm start` and `npm test` share: running commands, installing packages, building.
import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = join(dirname(fileURLToPath(import.meta.url)), "..");
export const target = process.env.CARGO_TARGET_DIR ?? join(root, "target");
export const program = (name) =>
  join(target, "debug", process.platform === "win32" ? `${name}.exe` : name);

const taken = [];

/** Runs a command, shows its output, ends the script when it fails. */
export function step(title, command, args, env = {}) {
  console.log(`\n== ${title}`);
  const began = Date.now();
  const shell = process.platform === "win32";
  const done = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    shell,
    env: { ...process.env, ...env },
  });
  const seconds = (Date.now() - began) / 1000;
  taken.push([title, seconds]);
  if (done.error || done.status !== 0) {
    const why = done.error ? done.error.message : `exit status ${done.status ?? done.signal}`;
    console.error(`\n${title}: failed (${why}) after ${seconds.toFixed(0)} s`);
    process.exit(done.status || 1);
  }
}

/** Prints how long every step took. */
export function times() {
  console.log("");
  for (const [title, seconds] of taken) console.log(`${seconds.toFixed(0).padStart(6)} s  ${title}`);
}

/** System packages, then the packages of the window. */
export function install(what) {
  if (process.platform === "linux") {
    step("System packages", "bash", ["scripts/setup.sh", what]);
    if (what === "test") {
      const untested = "echo 'SUNDIALS cannot be had: the plugin with CVODE is not tested'";
      step("SUNDIALS", "bash", ["-c", `scripts/sundials.sh "$0" || ${untested}`, join(target, "sundials")]);
    }
  }
  const lock = join(root, "package-lock.json");
  const installed = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installed) || statSync(installed).mtimeMs < statSync(lock).mtimeMs) {
    step("Packages of the window", "npm", ["ci", "--no-audit", "--no-fund"]);
  }
}

/** Worker, command line, plugins. */
export function buildEngine() {
  step("Engine", "cargo", ["build", "--workspace", "--exclude", "slopefield-desktop"]);
  bundlePlugins();
}

/** Puts the bundled plugins where the programs look for them. */
export function bundlePlugins() {
  step("Plugins", program("bundle-plugins"), [join(target, "debug"), join(target, "debug", "plugins")]);
}

/** The application with its page inside. */
export function buildApplication() {
  step("Application", "npx", ["tauri", "build", "--debug", "--no-bundle"]);
}
