// What the engine found, in the editor's terms.

import type { Completion } from "@codemirror/autocomplete";
import type { Diagnostic } from "@codemirror/lint";
import type { ModelReport } from "../../generated/api";
import { number } from "../../model/format";
import { DECLARATIONS, FUNCTIONS, MODIFIERS } from "./language";

/** Findings as the editor shows them; places outside the text are moved to its end. */
export function diagnosticsOf(report: ModelReport, length: number): Diagnostic[] {
  return report.diagnostics.map((d) => {
    const from = Math.min(d.from, length);
    return {
      from,
      to: Math.max(from, Math.min(d.to, length)),
      severity: d.severity === "note" ? "info" : d.severity,
      message: d.hint ? `${d.message}\n${d.hint}` : d.message,
    };
  });
}

/** Names of the model first, then the words of the language. */
export function completionsOf(report: ModelReport): Completion[] {
  return [
    ...report.states.map((s) => ({ label: s.name, detail: "state", boost: 3 })),
    ...report.parameters.map((p) => ({ label: p.name, detail: `param, ${number(p.value)}`, boost: 3 })),
    ...report.lets.map((name) => ({ label: name, detail: "let", boost: 2 })),
    ...report.networks.map((n) => ({ label: n.name, detail: `network, ${n.inputs} → ${n.outputs}`, boost: 2 })),
    ...FUNCTIONS.map((label) => ({ label, detail: "function" })),
    ...DECLARATIONS.map((label) => ({ label, detail: "statement" })),
    ...MODIFIERS.map((label) => ({ label })),
  ];
}
