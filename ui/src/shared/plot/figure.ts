// What a screen wants drawn, in the words of the screens; `plotly.ts` turns it into what Plotly wants.

/** `dots` are many small points; a `band` is the area that the line around it encloses; what is `unseen` only speaks under the pointer. */
export type Look = "line" | "points" | "hollow" | "dots" | "band" | "unseen";
/** Index into the data palette, or one of the interface's own colours. */
export type Colour = number | "text" | "muted" | "accent";

export type Series = {
  name: string;
  x: ArrayLike<number>;
  y: ArrayLike<number>;
  look: Look;
  /** Points as triangles that point to where the quantity is: beyond a limit. */
  beyond?: "below" | "above";
  /** A third number of each point, said under the pointer. */
  values?: ArrayLike<number>;
  colour: Colour;
  dash?: boolean;
  width?: number;
  /** Shown in the legend; default yes. */
  legend?: boolean;
  /** Background: pale, and silent under the pointer. */
  faint?: boolean;
  /** How strongly a band covers what is below it, 0 to 1. */
  cover?: number;
};

export type Axis = {
  title: string;
  log?: boolean;
  range?: [number, number] | null;
  /** Whole numbers only. */
  whole?: boolean;
};

export type Figure = {
  series: Series[];
  x: Axis;
  y: Axis;
  /** Shaded spans of x, with a word at the top. */
  regions?: Array<{ from: number; to: number; label: string; tone: "held-out" | "forecast" }>;
  /** Upright lines. */
  marks?: Array<{ x: number; label: string }>;
  /** A quiet line at y = 0. */
  zero?: boolean;
  /** A picture under the axes; its corners in their units, and what its colours mean. */
  picture?: { source: string; x: [number, number]; y: [number, number]; name: string; range: [number, number] };
  /** Values at the pointer alone instead of all at its x. */
  plane?: boolean;
  /** Zoom and pan stay as long as this does. */
  view?: string;
};
