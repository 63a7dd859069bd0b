// Collects the numbers of one message.

import type { Slice } from "../../generated/api";

export class Block {
  #numbers: number[] = [];

  put(values: ArrayLike<number>): Slice {
    const start = this.#numbers.length;
    for (let i = 0; i < values.length; i++) this.#numbers.push(values[i] as number);
    return { start, len: values.length };
  }

  done(): Float64Array {
    return Float64Array.from(this.#numbers);
  }
}
