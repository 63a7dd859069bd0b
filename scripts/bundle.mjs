// `npm run bundle`: the installer for this system, with worker, plugins and examples inside.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { install, root, step, target, times } from "./steps.mjs";

install("build");
const exe = process.platform === "win32" ? ".exe" : "";
const version = execFileSync("rustc", ["-vV"]).toString();
const triple = /^host: (.*)$/m.exec(version)[1];
const release = join(target, "release");

const plugins = ["kan", "networks-extra", "ode-extra"].map((p) => `slopefield-plugin-${p}`);
const packages = ["slopefield-worker", "slopefield-cli", ...plugins];
step("Worker, command, plugins", "cargo", ["build", "--release", ...packages.flatMap((p) => ["-p", p])]);
const bundle = ["run", "-q", "--release", "-p", "slopefield-plugin-host", "--bin", "bundle-plugins", "--"];
step("Plugins", "cargo", [...bundle, release, join(release, "plugins")]);
// The bundler takes programs beside the main one by name and platform.
const binaries = join(root, "src-tauri", "binaries");
mkdirSync(binaries, { recursive: true });
for (const name of ["slopefield-worker", "slopefield"]) {
  copyFileSync(join(release, name + exe), join(binaries, `${name}-${triple}${exe}`));
}
step("Installer", "npx", ["tauri", "build", "--config", "src-tauri/tauri.bundle.conf.json"]);
times();
