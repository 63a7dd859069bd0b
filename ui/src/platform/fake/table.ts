// Reads comma-, semicolon- or tab-separated text for the preview.

import type { PreviewRequest, TablePreview, TableView } from "../../generated/api";
import { Block } from "./block";
import { PELTS_CSV } from "./samples";

export type Table = { name: string; source: string; columns: Array<{ name: string; values: number[] }>; head: string[][] };

export function readTable(request: PreviewRequest): Table {
  const text = (request.text ?? PELTS_CSV).trim();
  const lines = text.split(/\r?\n/).filter((l) => l.trim() !== "" && !l.startsWith("#"));
  const separator = separatorOf(lines[0] ?? "");
  const cells = lines.map((l) => l.split(separator).map((c) => c.trim()));
  const [header = [], ...rows] = cells;
  if (header.length < 2 || rows.length === 0) {
    throw { code: "data", message: "the text has no columns", advice: "A table needs a header line and at least two columns, separated by commas, semicolons or tabs." };
  }
  const columns = header.map((name, i) => ({ name, values: rows.map((r) => (r[i] ? Number(r[i]) : NaN)) }));
  const file = request.path?.split("/").pop()?.replace(/\.\w+$/, "");
  return { name: file ?? "pasted", source: request.path ?? "pasted text", columns, head: rows.slice(0, 8) };
}

export function previewOf(request: PreviewRequest): { value: TablePreview; block: Float64Array } {
  const table = readTable(request);
  const block = new Block();
  const columns = table.columns.map((c) => columnOf(c, block));
  const missing = columns.filter((c) => c.missing > 0);
  const value: TablePreview = {
    name: table.name,
    columns,
    row_count: table.columns[0]?.values.length ?? 0,
    head: table.head,
    reasons: [
      `Comma-separated: every line has ${columns.length - 1} commas.`,
      "The first line is the header: none of its cells is a number.",
      "Decimal point: `30.0`, `47.2`; no cell holds a decimal comma.",
      `\`${columns[0]?.name ?? ""}\` is the time: it is the only column that always increases.`,
    ],
    warnings: missing.map((c) => `${c.missing} empty cells in \`${c.name}\` are left out.`),
    sheets: [],
    time: columns[0]?.name ?? null,
  };
  return { value, block: block.done() };
}

export function viewOf(table: Table, name: string, block: Block): TableView {
  return { name, source: table.source, columns: table.columns.map((c) => columnOf(c, block)), row_count: table.columns[0]?.values.length ?? 0 };
}

function columnOf(c: { name: string; values: number[] }, block: Block) {
  const numeric = c.values.some((v) => !Number.isNaN(v));
  return { name: c.name, numeric, values: block.put(numeric ? c.values : []), missing: c.values.filter((v) => Number.isNaN(v)).length, texts: [] };
}

function separatorOf(line: string): string {
  return ["\t", ";", ","].find((s) => line.includes(s)) ?? ",";
}
