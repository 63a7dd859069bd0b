// Lotka–Volterra by classical Runge–Kutta: enough to make sliders and a training believable.

export type Rates = { alpha: number; beta: number; gamma: number; delta: number; hare: number; lynx: number };

/** Hare and lynx at `times` (ascending), starting from the initial values at `start`. */
export function lotka(r: Rates, start: number, times: ArrayLike<number>): { hare: number[]; lynx: number[]; steps: number } {
  const hare: number[] = [];
  const lynx: number[] = [];
  let [h, l, t, steps] = [r.hare, r.lynx, start, 0];
  const f = (x: number, y: number): [number, number] => [r.alpha * x - r.beta * x * y, -r.gamma * y + r.delta * x * y];
  for (let i = 0; i < times.length; i++) {
    const target = times[i] as number;
    const n = Math.max(1, Math.ceil((target - t) / 0.02));
    const dt = (target - t) / n;
    for (let k = 0; k < n && dt > 0; k++, steps++) {
      const [a1, b1] = f(h, l);
      const [a2, b2] = f(h + (dt / 2) * a1, l + (dt / 2) * b1);
      const [a3, b3] = f(h + (dt / 2) * a2, l + (dt / 2) * b2);
      const [a4, b4] = f(h + dt * a3, l + dt * b3);
      h += (dt / 6) * (a1 + 2 * a2 + 2 * a3 + a4);
      l += (dt / 6) * (b1 + 2 * b2 + 2 * b3 + b4);
    }
    t = target;
    hare.push(h);
    lynx.push(l);
  }
  return { hare, lynx, steps };
}

/** Equally spaced, both ends included. */
export function grid(from: number, to: number, n: number): number[] {
  return Array.from({ length: n }, (_, i) => from + ((to - from) * i) / (n - 1));
}

/** Mean of squared differences of logarithms. */
export function logError(model: number[], data: ArrayLike<number>, keep: (i: number) => boolean): number {
  let sum = 0;
  let n = 0;
  for (let i = 0; i < data.length; i++) {
    if (!keep(i)) continue;
    sum += (Math.log(Math.max(1e-9, model[i] as number)) - Math.log(data[i] as number)) ** 2;
    n += 1;
  }
  return n ? sum / n : 0;
}
