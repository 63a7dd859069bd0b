// The slope field of two states: the direction in which the system moves from each point of a grid.
//
// The engine is asked for very short solves from the grid points, a few at a time, so that the field is that of the
// model as compiled and needs no command of its own.

import type { SimulateRequest, Simulation } from "../generated/api";
import type { Framed } from "../platform";
import { take } from "./slices";

export type Window = { x: [number, number]; y: [number, number] };
/** Segments one after the other, with a gap (NaN) after each. */
export type Field = { x: number[]; y: number[] };
type Ask = (request: SimulateRequest) => Promise<Framed<Simulation>>;

const COLUMNS = 17;
const ROWS = 12;
const AT_ONCE = 3;
/** Length of a solve as a share of the time shown: short enough for a tangent, long enough not to be rounding. */
const SHARE = 1e-5;
/** Half the length of a segment, as a share of the distance of grid points. */
const HALF = 0.36;

/** Grid points inside a window. */
export function gridPoints({ x, y }: Window): Array<[number, number]> {
  const at = ([low, high]: [number, number], i: number, n: number) => low + ((high - low) * (i + 0.5)) / n;
  return Array.from({ length: COLUMNS * ROWS }, (_, k) => [at(x, k % COLUMNS, COLUMNS), at(y, Math.floor(k / COLUMNS), ROWS)]);
}

/** A segment through a point along a slope, of one length in units of the grid. */
export function segment([x, y]: [number, number], [dx, dy]: [number, number], window: Window): { x: [number, number, number]; y: [number, number, number] } | null {
  const unit = [(window.x[1] - window.x[0]) / COLUMNS, (window.y[1] - window.y[0]) / ROWS] as const;
  const [u, v] = [dx / unit[0], dy / unit[1]];
  const length = Math.hypot(u, v);
  if (!(length > 0) || !Number.isFinite(length)) return null;
  const [sx, sy] = [(HALF * u * unit[0]) / length, (HALF * v * unit[1]) / length];
  return { x: [x - sx, x + sx, NaN], y: [y - sy, y + sy, NaN] };
}

/** Asks for every grid point; null when `stale` became true meanwhile. Points that cannot be solved are left out. */
export async function slopeField(ask: Ask, base: SimulateRequest, across: string, up: string, window: Window, stale: () => boolean): Promise<Field | null> {
  const points = gridPoints(window);
  const from = base.from ?? 0;
  const span = (base.to ?? from + 1) - from;
  const found: Array<ReturnType<typeof segment>> = points.map(() => null);
  let next = 0;
  const work = async () => {
    while (next < points.length && !stale()) {
      const i = next++;
      const [x, y] = points[i] as [number, number];
      try {
        const { value, block } = await ask({ ...base, set: { ...base.set, [across]: x, [up]: y }, to: from + SHARE * span, at: [], points: 2 });
        const moved = (name: string) => {
          const column = value.columns.find((c) => c.kind === "state" && c.name === name);
          const values = column ? take(block, column.values) : [];
          return (values[values.length - 1] ?? NaN) - (values[0] ?? NaN);
        };
        found[i] = segment([x, y], [moved(across), moved(up)], window);
      } catch {
        // Outside the model's domain: no slope there, and no message for each of two hundred points.
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  if (stale()) return null;
  const segments = found.filter((s) => s !== null);
  return { x: segments.flatMap((s) => s.x), y: segments.flatMap((s) => s.y) };
}
