// Figures of a training: loss with the best so far, and parameters over the iterations.

import type { Figure } from "./plot/figure";

export type LossHistory = {
  iterations: ArrayLike<number>;
  loss: ArrayLike<number>;
  best: ArrayLike<number>;
  holdOut: { iterations: ArrayLike<number>; values: ArrayLike<number> };
};

/** A logarithmic axis where every value allows one: a log-likelihood may be negative. */
export function lossFigure(h: LossHistory): Figure {
  const log = [h.loss, h.best].every((values) => Array.prototype.every.call(values, (v: number) => !(v <= 0)));
  const held = h.holdOut.iterations.length > 0;
  return {
    series: [
      { name: "loss", x: h.iterations, y: h.loss, look: "line", colour: "muted", width: 1 },
      { name: "best so far", x: h.iterations, y: h.best, look: "line", colour: "accent", width: 2 },
      ...(held ? [{ name: "held out, per point", x: h.holdOut.iterations, y: h.holdOut.values, look: "line" as const, colour: 1, dash: true, width: 1.5 }] : []),
    ],
    x: { title: "iteration", whole: true },
    y: { title: log ? "loss, log scale" : "loss", log },
    view: "loss",
  };
}

/** Parameters relative to where they began, so that rates and noises share an axis; one that began at 0 as it is. */
export function traceFigure(iterations: ArrayLike<number>, names: string[], traces: ArrayLike<number>[]): Figure {
  return {
    series: names.map((name, i) => {
      const values = traces[i] ?? [];
      const first = values[0] ?? 1;
      const y = first === 0 ? values : Array.from(values, (v) => v / first);
      return { name, x: iterations, y, look: "line", colour: i, width: 1.5 };
    }),
    x: { title: "iteration", whole: true },
    y: { title: "value ÷ first value" },
    view: "traces",
  };
}
