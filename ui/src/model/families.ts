// Elements of arrays: `u[1]`, `u[2]`, … belong together and are shown by a few of them.

/** Families with more elements than this are shown by a sample. */
export const FEW = 6;

type Named = { name: string };
export type Family<T> = { name: string; items: T[] };

/** The array that a name is an element of: `u` of `u[3]`, `x'` of `x[3]'`, `u(0)` of `u[3](0)`; else the name itself. */
export function familyOf(name: string): string {
  return name.replace(/\[[^\]]*\](?='*(\(0\))?$)/, "");
}

/** Neighbours of one array as families, in their order; what stands alone is a family of one. */
export function families<T extends Named>(items: readonly T[]): Family<T>[] {
  const found: Family<T>[] = [];
  for (const item of items) {
    const name = familyOf(item.name);
    const last = found[found.length - 1];
    if (last?.name === name) last.items.push(item);
    else found.push({ name, items: [item] });
  }
  return found;
}

/** A few elements that stand for many: the first, the middle and the last. */
export function sampled<T>(items: readonly T[]): T[] {
  if (items.length <= FEW) return [...items];
  return [items[0] as T, items[Math.floor((items.length - 1) / 2)] as T, items[items.length - 1] as T];
}

/** Of every family a few elements. */
export function fewOfEach<T extends Named>(items: readonly T[]): T[] {
  return families(items).flatMap((f) => sampled(f.items));
}

/** Families that a space–time picture suits: the states of one index, in order. */
export function profiles<T extends Named>(items: readonly T[]): Family<T>[] {
  return families(items).filter((f) => f.items.length > FEW && !(f.items[0]?.name.includes(",") ?? true));
}

/** The index of an element, `3` of `u[3]`. */
export function indexOf(name: string): number {
  return Number(/\[(-?\d+)\]/.exec(name)?.[1] ?? NaN);
}
