// What is said of a scan in sentences.

import type { ScanOverview } from "../../generated/api";
import { count, number } from "../../model/format";
import type { Scanned } from "../../model/scan.svelte";
import { take } from "../../model/slices";

/** What failed and why, by the first of them; null when nothing did. */
export function failuresWords({ overview, block }: Scanned): string | null {
  const first = overview.failures[0];
  if (overview.failed === 0 || !first) return null;
  const at = overview.points.map((p) => `${p.name} = ${number(take(block, p.values)[first.index])}`).join(", ");
  const many = `${overview.failed.toLocaleString("en")} of ${count(overview.count, "trajectory", "trajectories")} failed and are left out from there on.`;
  return `${many} The first, at ${at}: ${first.message}`;
}

/** What computed it and why, and what else happened. */
export function factsWords({ notes, stats }: ScanOverview): string {
  return [...notes, stats.method].join(" · ");
}
