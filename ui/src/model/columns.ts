// Columns of a table that belong to an observation: one, or several with a replicate each.

import type { ColumnNames, DataSource } from "../generated/api";

/** The names, in order. */
export function namesOf(columns: ColumnNames | undefined): string[] {
  return columns === undefined ? [] : typeof columns === "string" ? [columns] : columns;
}

/** As a study has it: nothing for none, a name for one. */
export function columnNames(names: string[]): ColumnNames | undefined {
  return names.length > 1 ? names : names[0];
}

/** What of a source is said for each observation. */
export type Role = "columns" | "censored" | "weights";

/** Says which columns an observation has in a role; none takes the entry out. */
export function assign(source: DataSource, role: Role, observation: string, names: string[]): void {
  const rest = Object.entries(source[role] ?? {}).filter(([name]) => name !== observation);
  const chosen = columnNames(names);
  source[role] = Object.fromEntries(chosen === undefined ? rest : [...rest, [observation, chosen]]);
}
