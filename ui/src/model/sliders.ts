// Ranges of sliders: where they begin and end, and on which scale they move.

import type { ParameterView, StateView } from "../generated/api";

export type SliderRange = { low: number; high: number; log: boolean };

/** Bounds of the model where there are any, else a decade (log) or a span around the value. */
export function parameterRange(p: ParameterView): SliderRange {
  const log = p.scale === "log" && (p.lower ?? 1) > 0 && p.value > 0;
  const size = Math.abs(p.value) || 1;
  const low = p.lower ?? (log ? p.value / 10 : p.value - 2 * size);
  const high = p.upper ?? (log ? p.value * 10 : p.value + 2 * size);
  return tightened({ low, high, log }, p.value);
}

export function stateRange(s: StateView): SliderRange {
  const size = Math.abs(s.initial) || 1;
  const [low, high] = s.bounds ?? [s.initial < 0 ? s.initial - 2 * size : 0, s.initial + 3 * size];
  return tightened({ low, high, log: false }, s.initial);
}

/**
 * Bounds are there to catch nonsense and may span five decades; a slider over all of it cannot be
 * aimed. A log slider keeps at most two decades on each side of the value, a linear one ten times its size.
 */
function tightened({ low, high, log }: SliderRange, value: number): SliderRange {
  if (log) return { low: Math.max(low, value / 100), high: Math.min(high, value * 100), log };
  const reach = 10 * (Math.abs(value) || 1);
  return { low: Math.max(low, Math.min(0, value - reach)), high: Math.min(high, value + reach), log };
}

/** Position of a value on the slider, 0..1. */
export function toPosition(value: number, { low, high, log }: SliderRange): number {
  if (high <= low) return 0;
  const at = log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  return Math.min(1, Math.max(0, at));
}

export function fromPosition(at: number, { low, high, log }: SliderRange): number {
  return log ? low * (high / low) ** at : low + at * (high - low);
}
