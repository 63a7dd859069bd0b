// Long arrays arrive beside the message; a slice says which part a value is.

import type { Slice } from "../generated/api";

/** The numbers of a slice: a view into the block, not a copy. */
export function take(block: Float64Array, slice: Slice): Float64Array {
  return block.subarray(slice.start, slice.start + slice.len);
}

/** Smallest and largest finite value, or null when there is none. */
export function extent(...arrays: ArrayLike<number>[]): [number, number] | null {
  let low = Infinity;
  let high = -Infinity;
  for (const values of arrays) {
    for (let i = 0; i < values.length; i++) {
      const v = values[i] as number;
      if (v < low) low = v;
      if (v > high && v < Infinity) high = v;
    }
  }
  return low <= high ? [low, high] : null;
}
