// Figures as Plotly takes them. Pure; the only code that knows Plotly's vocabulary.

import type { Axis, Colour, Figure, Series } from "./figure";
import type { PlotTheme } from "./theme";

export const config = {
  displaylogo: false,
  // Without this the mode bar offers to upload the data.
  plotlyServerURL: "",
  displayModeBar: "hover",
  modeBarButtons: [["zoom2d", "pan2d", "resetScale2d"]],
  scrollZoom: false,
  doubleClick: "reset",
};

/** Plotly reads some HTML and entities in every text; names from models and tables are not HTML. */
export function escapeText(text: string): string {
  return text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

export function toPlotly(figure: Figure, theme: PlotTheme): { data: object[]; layout: object } {
  return { data: figure.series.map((s) => traceOf(s, theme)), layout: layoutOf(figure, theme) };
}

/** The colour of a series, for the legend too. */
export function colourOf(colour: Colour, theme: PlotTheme): string {
  if (colour === "text" || colour === "muted" || colour === "accent") return theme[colour];
  return theme.series[colour % theme.series.length] ?? theme.text;
}

function traceOf(s: Series, theme: PlotTheme): object {
  const colour = colourOf(s.colour, theme);
  const common = {
    type: "scatter",
    name: escapeText(s.name),
    x: s.x,
    y: s.y,
    opacity: s.faint ? 0.55 : 1,
    ...(s.faint ? { hoverinfo: "skip" } : { hovertemplate: "%{y:.4g}" }),
  };
  if (s.look === "band") {
    return { ...common, opacity: s.cover ?? 0.2, hoverinfo: "skip", hovertemplate: null, mode: "lines", fill: "toself", fillcolor: colour, line: { width: 0, color: colour } };
  }
  if (s.look === "unseen") {
    return { ...common, opacity: 0, customdata: s.values, hovertemplate: "%{x:.4g}, %{y:.4g}: %{customdata:.4g}<extra></extra>", mode: "markers", marker: { color: colour, size: 12 } };
  }
  if (s.look === "dots") {
    return { ...common, opacity: 0.4, hoverinfo: "skip", hovertemplate: null, mode: "markers", marker: { color: colour, size: 3 } };
  }
  if (s.look === "line") {
    return { ...common, mode: "lines", line: { color: colour, width: s.width ?? 2, dash: s.dash ? "5px,4px" : "solid" } };
  }
  const marker =
    s.look === "hollow"
      ? { color: theme.surface, size: 7, line: { color: colour, width: 1.6 } }
      : { color: colour, size: 7, line: { color: theme.surface, width: 1 } };
  const symbol = s.beyond === undefined ? {} : { symbol: s.beyond === "below" ? "triangle-down" : "triangle-up", size: 9 };
  return { ...common, mode: "markers", marker: { ...marker, ...symbol } };
}

/** A place on an axis as pictures have it: on a logarithmic one in powers of ten. */
const placed = (axis: Axis, value: number) => (axis.log ? Math.log10(value) : value);

function layoutOf(figure: Figure, theme: PlotTheme): object {
  const small = { size: 11, color: theme.muted };
  return {
    autosize: true,
    margin: { t: 10, r: 20, b: 42, l: 58 },
    font: { family: theme.font, size: 12, color: theme.text },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hovermode: figure.plane ? "closest" : "x unified",
    hoverlabel: { bgcolor: theme.surface, bordercolor: theme.axis, font: { family: theme.font, size: 12, color: theme.text } },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: theme.muted, activecolor: theme.accent },
    dragmode: "zoom",
    // `Plot.svelte` draws the legend: Plotly's grows over the plot where there is little room.
    showlegend: false,
    uirevision: figure.view ?? "fixed",
    // A picture stands without lines across it.
    xaxis: { ...axisOf(figure.x, theme, false), showgrid: !figure.picture },
    yaxis: { ...axisOf(figure.y, theme, figure.zero ?? false), showgrid: !figure.picture },
    images: figure.picture
      ? [{
          source: figure.picture.source, layer: "below", xref: "x", yref: "y", sizing: "stretch",
          x: placed(figure.x, figure.picture.x[0]), y: placed(figure.y, figure.picture.y[1]),
          sizex: placed(figure.x, figure.picture.x[1]) - placed(figure.x, figure.picture.x[0]),
          sizey: placed(figure.y, figure.picture.y[1]) - placed(figure.y, figure.picture.y[0]),
        }]
      : [],
    shapes: [
      ...(figure.regions ?? []).map((r) => ({
        type: "rect", layer: "below", xref: "x", yref: "paper", x0: r.from, x1: r.to, y0: 0, y1: 1, line: { width: 0 },
        fillcolor: r.tone === "held-out" ? theme.heldOut : theme.forecast,
      })),
      ...(figure.marks ?? []).map((m) => ({
        type: "line", layer: "below", xref: "x", yref: "paper", x0: m.x, x1: m.x, y0: 0, y1: 1, line: { width: 1, dash: "4px,3px", color: theme.muted },
      })),
    ],
    // A forecast is named at its far end, so that its name never meets that of the hold-out before it.
    annotations: [
      ...(figure.regions ?? []).map((r) => (r.tone === "forecast" ? { x: r.to, text: r.label, xanchor: "right", xshift: -5 } : { x: r.from, text: r.label, xanchor: "left", xshift: 5 })),
      ...(figure.marks ?? []).map((m) => ({ x: m.x, text: m.label, xanchor: "left", xshift: 5 })),
    ]
      .filter((a) => a.text !== "")
      .map((a) => ({ ...a, xref: "x", y: 1, yref: "paper", yanchor: "top", yshift: -3, showarrow: false, text: escapeText(a.text), font: small })),
  };
}

function axisOf(axis: Axis, theme: PlotTheme, zero: boolean): object {
  const range = axis.range && axis.log ? axis.range.map((v) => placed(axis, v)) : axis.range;
  return {
    title: { text: escapeText(axis.title), font: { size: 12, color: theme.muted }, standoff: 8 },
    type: axis.log ? "log" : "linear",
    ...(range ? { range, autorange: false } : { autorange: true }),
    gridcolor: theme.grid,
    gridwidth: 1,
    linecolor: theme.axis,
    zeroline: zero,
    zerolinecolor: theme.axis,
    ticks: "outside",
    ticklen: 4,
    tickcolor: theme.axis,
    tickfont: { size: 11, color: theme.muted },
    automargin: false,
    // A year is 1900, not 1,900; and a loss is 0.01, not 10m.
    separatethousands: false,
    // "power" would write superscripts with a style attribute, which the content policy refuses.
    exponentformat: "e",
    ...(axis.whole ? { tickformat: "d" } : {}),
    hoverformat: ".5~g",
  };
}
