// What jsdom lacks. Plotly needs a real layout and is checked in a browser; here it only counts its calls.

import { vi } from "vitest";

vi.mock("plotly.js-basic-dist-min", () => ({ default: { react: vi.fn(async () => undefined), purge: vi.fn(), Plots: { resize: vi.fn() } } }));

if (!("matchMedia" in window)) {
  Object.defineProperty(window, "matchMedia", { value: () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }) });
}
