import { describe, expect, test } from "vitest";
import type { Figure } from "./figure";
import { config, escapeText, toPlotly } from "./plotly";
import { readTheme } from "./theme";

const theme = readTheme(document.documentElement);
const figure = (over: Partial<Figure> = {}): Figure => ({
  series: [{ name: "y", x: [0, 1], y: [1, 2], look: "line", colour: 0 }], x: { title: "t" }, y: { title: "y" }, ...over,
});
type Made = { data: Array<Record<string, unknown>>; layout: Record<string, unknown> };
const made = (f: Figure) => toPlotly(f, theme) as Made;

describe("what Plotly is given", () => {
  test("no text of the user is read as markup", () => {
    const evil = '<b>x</b><a href="javascript:alert(1)">&amp;';
    const { data, layout } = made(figure({ series: [{ name: evil, x: [], y: [], look: "line", colour: 0 }], x: { title: evil }, marks: [{ x: 1, label: evil }] }));
    expect(JSON.stringify({ data, layout })).not.toContain("<");
    expect(escapeText(evil)).toBe('&lt;b&gt;x&lt;/b&gt;&lt;a href="javascript:alert(1)"&gt;&amp;amp;');
  });

  test("nothing leads to a server", () => {
    expect(config.plotlyServerURL).toBe("");
    expect(config.displaylogo).toBe(false);
    expect(JSON.stringify(config.modeBarButtons)).not.toContain("Cloud");
  });

  test("a range of a logarithmic axis is in powers of ten", () => {
    const { layout } = made(figure({ y: { title: "loss", log: true, range: [0.01, 100] } }));
    expect(layout["yaxis"]).toMatchObject({ type: "log", range: [-2, 2] });
  });

  test("held-out points are hollow, regions lie below the data", () => {
    const { data, layout } = made(
      figure({ series: [{ name: "y", x: [1], y: [1], look: "hollow", colour: 1 }], regions: [{ from: 1, to: 2, label: "held out", tone: "held-out" }] }),
    );
    expect(data[0]?.["marker"]).toMatchObject({ color: theme.surface, line: { color: theme.series[1] } });
    expect((layout["shapes"] as Array<{ layer: string }>)[0]?.layer).toBe("below");
  });

  test("a band is an area without a line that is silent under the pointer", () => {
    const { data } = made(figure({ series: [{ name: "y, 90 %", x: [0, 1, 1, 0], y: [2, 2, 1, 1], look: "band", colour: 1, cover: 0.2 }] }));
    expect(data[0]).toMatchObject({ mode: "lines", fill: "toself", fillcolor: theme.series[1], opacity: 0.2, hoverinfo: "skip", line: { width: 0 } });
  });
});
