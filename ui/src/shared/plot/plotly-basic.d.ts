// The few calls we make of Plotly's basic bundle, which ships no types.

declare module "plotly.js-basic-dist-min" {
  type PlotlyModule = {
    react(element: HTMLElement, data: unknown[], layout: unknown, config: unknown): Promise<void>;
    purge(element: HTMLElement): void;
    Plots: { resize(element: HTMLElement): void };
  };
  const Plotly: PlotlyModule;
  export default Plotly;
}
