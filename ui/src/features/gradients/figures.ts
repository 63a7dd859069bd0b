// What the table of the gradient lab says, in words and shares.

import type { GradientReply, GradientResult } from "../../generated/api";

/** `31 µs`, `2.4 ms`, `1.2 s`. */
export function time(seconds: number): string {
  if (!Number.isFinite(seconds)) return "–";
  const [value, unit] = seconds < 1e-3 ? [seconds * 1e6, "µs"] : seconds < 1 ? [seconds * 1e3, "ms"] : [seconds, "s"];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** `1.2 kB`, `31 MB`. */
export function bytes(count: number): string {
  const [value, unit] = count < 1e6 ? [count / 1e3, "kB"] : count < 1e9 ? [count / 1e6, "MB"] : [count / 1e9, "GB"];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** A small difference as people read it: `2·10⁻⁹`, `none`. */
export function difference(value: number): string {
  if (value === 0) return "none";
  if (!Number.isFinite(value)) return "not a number";
  const exponent = Math.floor(Math.log10(value));
  if (exponent >= -2) return `${(100 * value).toPrecision(2)} %`;
  return `${Math.round(value / 10 ** exponent)}·10${[...String(exponent)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(c)])).join("")}`;
}

/** Share of the longest bar. */
export function share(value: number, all: number[]): number {
  const largest = Math.max(...all, 0);
  return largest > 0 ? value / largest : 0;
}

export type Verdict = { tone: "good" | "bad" | "neutral"; text: string; tip: string };

/** What the comparison with differences says of a method. */
export function verdict(m: GradientResult): Verdict {
  if (m.check === null) return { tone: "neutral", text: "not checked", tip: m.unchecked ?? "Not compared with differences." };
  const off = `Largest difference from differences of the solution along random directions: ${difference(m.check)}; at the tolerances of the study ${difference(m.allowed)} is allowed.`;
  return m.check <= m.allowed ? { tone: "good", text: "right", tip: off } : { tone: "bad", text: "wrong", tip: off };
}

/** How the fastest of the methods that are right compares with one solve, in a sentence; null when there is none. */
export function summary(reply: GradientReply): string | null {
  const right = reply.methods.filter((m) => verdict(m).tone !== "bad");
  const best = right.reduce<GradientResult | null>((a, b) => (a && a.seconds <= b.seconds ? a : b), null);
  if (!best) return null;
  const parameters = reply.names.length;
  return `One solve takes ${time(reply.forward_seconds)}; with the gradient by all ${parameters} parameters, ${best.title} is the fastest here: ${best.over_forward.toFixed(1)} solves.`;
}
