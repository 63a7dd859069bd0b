// Colours of plots, read from the style tokens so that they follow the theme.

export type PlotTheme = { text: string; muted: string; grid: string; axis: string; surface: string; accent: string; heldOut: string; forecast: string; series: string[]; font: string };

const SERIES = 6;

export function readTheme(element: Element): PlotTheme {
  const style = getComputedStyle(element);
  const token = (name: string, otherwise: string) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: token("--text", "#222"),
    muted: token("--text-3", "#888"),
    grid: token("--plot-grid", "#eee"),
    axis: token("--plot-axis", "#bbb"),
    surface: token("--surface", "#fff"),
    accent: token("--accent", "#35c"),
    heldOut: token("--plot-held-out", "rgba(0,0,0,0.04)"),
    forecast: token("--plot-forecast", "rgba(0,0,0,0.02)"),
    series: Array.from({ length: SERIES }, (_, i) => token(`--series-${i}`, "#0072b2")),
    font: token("--font", "sans-serif"),
  };
}

/** Calls `changed` when the theme of the document does. */
export function onThemeChange(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
  return () => observer.disconnect();
}
