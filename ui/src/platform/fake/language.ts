// A reader of model text that knows just enough for the window to be seen without the engine:
// declarations by pattern, unknown names, missing equations. The engine's compiler is the real one.

import type { DiagnosticView, ModelReport } from "../../generated/api";

const WORDS = new Set("model time state algebraic param const let function network input observe history noise in log logit positive fit with from if then else and or not".split(" "));
const FUNCTIONS = new Set("abs sqrt exp ln log10 sin cos tanh sigmoid softplus min max lognormal normal poisson mlp inputs outputs hidden activation tanh pi e year thousand".split(" "));
const GREEK = /^(alpha|beta|gamma|delta|sigma|mu|lambda|kappa|theta|tau|rho|omega|phi|eta)(?:_(\w+))?$/;

export function check(text: string): ModelReport {
  const diagnostics: DiagnosticView[] = [];
  const at = (from: number, to: number, code: string, message: string, hint: string | null, severity: DiagnosticView["severity"] = "error") => {
    const before = text.slice(0, from).split("\n");
    diagnostics.push({ severity, code, message, hint, from, to, line: before.length, column: (before.at(-1)?.length ?? 0) + 1, related: null });
  };
  const report: ModelReport = {
    ok: true, diagnostics, title: null, classification: "", random: false, reactions: 0, time: { name: "t", unit: null, start: 0 },
    states: [], parameters: [], networks: [], lets: [], inputs: [], observations: [], latex: [], formatted: null, free_count: 0, rendered: "",
  };
  const names = new Set<string>();
  const uses: Array<{ name: string; from: number }> = [];
  const equations = new Set<string>();
  let offset = 0;
  for (const raw of text.split("\n")) {
    const line = raw.replace(/#.*$/, "");
    const unit = /\{([^}]*)\}/.exec(line)?.[1] ?? null;
    const bounds = /\bin\s*\[([^,\]]+),([^\]]+)\]/.exec(line);
    const range: [number, number] | null = bounds ? [Number(bounds[1]), Number(bounds[2])] : null;
    let m: RegExpExecArray | null;
    const body = (from: number) => {
      const clean = line.slice(from).replace(/\{[^}]*\}/g, (u) => " ".repeat(u.length)).replace(/"[^"]*"/g, (u) => " ".repeat(u.length));
      for (const id of clean.matchAll(/[A-Za-z_]\w*/g)) uses.push({ name: id[0], from: offset + from + id.index });
    };
    if ((m = /^\s*model\s+"([^"]*)"/.exec(line))) report.title = m[1] ?? null;
    else if ((m = /^\s*time\s+(\w+)/.exec(line))) report.time = { name: m[1] as string, unit, start: 0 };
    else if ((m = /^\s*state\s+(\w+)\s*=\s*([-\d.e]+)/.exec(line))) {
      report.states.push({ name: m[1] as string, unit, initial: Number(m[2]), bounds: range });
    } else if ((m = /^\s*param\s+(\w+)\s*=\s*([-\d.e]+)/.exec(line))) {
      const scale = /\blog\b/.test(line) ? "log" : "linear";
      report.parameters.push({ name: m[1] as string, unit, value: Number(m[2]), lower: range?.[0] ?? null, upper: range?.[1] ?? null, scale });
    } else if ((m = /^\s*let\s+(\w+)\s*=/.exec(line))) {
      report.lets.push(m[1] as string);
      report.latex.push(`${tex(m[1] as string)} = ${tex(line.slice(m[0].length))}`);
      body(m[0].length);
    } else if ((m = /^\s*network\s+(\w+)\s*:\s*(\w+)/.exec(line))) {
      report.networks.push({ name: m[1] as string, kind: m[2] as string, inputs: 2, outputs: 2, weights: 354 });
    } else if ((m = /^\s*observe\s+(\w+)\s*=\s*(\w+)(?:\s+with\s+(\w+))?/.exec(line))) {
      const of = report.states.find((s) => s.name === m?.[2]);
      report.observations.push({ name: m[1] as string, noise: m[3] === "lognormal" ? "log-normal" : (m[3] ?? "least squares"), unit: of?.unit ?? null });
      body(line.indexOf("=") + 1);
    } else if ((m = /^\s*(\w+)'\s*=/.exec(line))) {
      equations.add(m[1] as string);
      report.latex.push(`\\frac{\\mathrm{d}\\,${tex(m[1] as string)}}{\\mathrm{d}t} = ${tex(line.slice(m[0].length))}`);
      body(m[0].length);
    } else if (line.trim() !== "") {
      const from = offset + (line.length - line.trimStart().length);
      at(from, offset + line.trimEnd().length, "syntax", "this line is no statement", "Statements begin with a word such as `param` or are equations such as `x' = …`.");
    }
    offset += raw.length + 1;
  }
  for (const list of [report.states, report.parameters, report.networks, report.observations]) for (const d of list) names.add(d.name);
  report.lets.forEach((n) => names.add(n));
  names.add(report.time.name);
  for (const use of uses) {
    if (names.has(use.name) || WORDS.has(use.name) || FUNCTIONS.has(use.name)) continue;
    const near = [...names].find((n) => n.startsWith(use.name.slice(0, 3)));
    at(use.from, use.from + use.name.length, "unknown-name", `\`${use.name}\` is not declared`, near ? `Did you mean \`${near}\`?` : "Declare it with `param`, `let` or `const`.");
  }
  for (const s of report.states) {
    if (equations.has(s.name)) continue;
    const from = text.search(new RegExp(`state\\s+${s.name}\\b`));
    at(from, from + 6 + s.name.length, "no-equation", `the state \`${s.name}\` has no equation`, `Write \`${s.name}' = …\`.`);
  }
  diagnostics.sort((a, b) => a.from - b.from);
  report.ok = diagnostics.every((d) => d.severity !== "error");
  report.free_count = report.parameters.length + report.networks.reduce((sum, n) => sum + n.weights, 0);
  report.classification = report.ok
    ? `Non-stiff ordinary differential equation, ${report.states.length} states, ${report.free_count} free parameters${report.networks.length ? ", one network" : ""}.`
    : "";
  if (report.ok) report.formatted = text.split("\n").map((l) => l.trimEnd()).join("\n").replace(/\n{3,}/g, "\n\n").trimEnd() + "\n";
  return report;
}

function tex(expression: string): string {
  return expression
    .trim()
    .replace(/[A-Za-z_]\w*/g, (id) => {
      const greek = GREEK.exec(id);
      if (greek) return `\\${greek[1]}${greek[2] ? `_{\\mathrm{${greek[2]}}}` : ""} `;
      return id.length === 1 ? id : `\\mathrm{${id.replace(/_/g, "\\_")}}`;
    })
    .replace(/\s*\*\s*/g, "\\,");
}
