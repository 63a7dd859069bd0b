// Strokes of the icons, drawn on a 16-px grid.

export const ICONS = {
  data: "M2.5 3.5h11v9h-11zM2.5 6.5h11M2.5 9.5h11M6.5 6.5v6",
  model: "M3 12.5c2.5 0 2.5-9 5-9M5 7.5h5M10 8.5l3.5 4M13.5 8.5l-3.5 4",
  explore: "M2.5 4.5h5M11 4.5h2.5M9.2 2.8v3.4M2.5 11.5h2M8 11.5h5.5M6.2 9.8v3.4",
  train: "M2.5 2.5v11h11M4.5 5c1 4.5 3 6.5 9 6.5",
  results: "M2.5 13.5h11M4.5 11v-3M8 11V3.5M11.5 11V6",
  plugins: "M6 2.5v3M10 2.5v3M4 5.5h8v3a4 4 0 0 1-8 0zM8 12.5v1.5",
  play: "M5 3.2v9.6l7.5-4.8z",
  pause: "M5.5 3.5v9M10.5 3.5v9",
  stop: "M4 4h8v8H4z",
  close: "M4 4l8 8M12 4l-8 8",
  check: "M3 8.5l3.2 3.2L13 5",
  warn: "M8 2.5l6 11H2zM8 6.5v3.5M8 11.8v.2",
  info: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M8 7.3v3.5M8 5v.2",
  sun: "M8 5.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 1 0 0-5.6M8 1.5v1.3M8 13.2v1.3M1.5 8h1.3M13.2 8h1.3M3.4 3.4l.9.9M11.7 11.7l.9.9M3.4 12.6l.9-.9M11.7 4.3l.9-.9",
  moon: "M13 9.6A5.5 5.5 0 0 1 6.4 3a5.5 5.5 0 1 0 6.6 6.6z",
  search: "M7 2.8a4.2 4.2 0 1 0 0 8.4a4.2 4.2 0 1 0 0-8.4M10.2 10.2l3.3 3.3",
  undo: "M5.5 3L2.8 5.7l2.7 2.7M3 5.7h6a3.6 3.6 0 0 1 0 7.2H6",
  redo: "M10.5 3l2.7 2.7-2.7 2.7M13 5.7H7a3.6 3.6 0 0 0 0 7.2h3",
  file: "M4 1.8h5l3.2 3.2v9.2H4zM9 1.8V5h3.2",
  folder: "M2 4h4.2l1.4 1.8H14v7H2z",
  add: "M8 3v10M3 8h10",
  trash: "M3 4.5h10M6 4.5V3h4v1.5M4.5 4.5l.6 8.5h5.8l.6-8.5",
  export: "M8 9.5V2.5M5.3 5L8 2.3 10.7 5M3 9.5v4h10v-4",
  arrow: "M3 8h9.5M9 4.5L12.5 8 9 11.5",
  down: "M4 6l4 4 4-4",
  format: "M2.5 4h11M2.5 8h7M2.5 12h9",
  home: "M2.5 7.5L8 3l5.5 4.5M4 6.5v7h8v-7",
} as const;

export type IconName = keyof typeof ICONS;
