// Writes numbers back into model text without touching anything else of it.

import { plain } from "./format";

/** What became of a wish to write values. */
export type Written = { text: string; written: string[]; skipped: string[] };

const NUMBER = String.raw`[-+]?(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d+)?`;

/**
 * Replaces the start value of params and states by name. A declaration whose value is an expression
 * (`state x = x0`) is left alone and named in `skipped`.
 */
export function writeValues(text: string, values: Record<string, number>): Written {
  const written: string[] = [];
  const skipped: string[] = [];
  let result = text;
  for (const [name, value] of Object.entries(values)) {
    const safe = name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    // The number must be the whole value: what follows may not go on with an operator.
    const declaration = new RegExp(
      String.raw`^([ \t]*(?:param|state)[ \t]+(?:[^#\n]*?,[ \t]*)?${safe}[ \t]*=[ \t]*)(${NUMBER})(?=[ \t]*(?:$|[,{#]|in\b|log\b|logit\b|positive\b|fit\b|~))`,
      "mu",
    );
    if (declaration.test(result)) {
      result = result.replace(declaration, (_, head: string) => head + plain(value));
      written.push(name);
    } else {
      skipped.push(name);
    }
  }
  return { text: result, written, skipped };
}
