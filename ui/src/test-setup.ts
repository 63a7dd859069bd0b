// What jsdom lacks. Plotly needs a real layout and is checked in a browser; here it only counts its calls.

import { vi } from "vitest";

vi.mock("plotly.js-basic-dist-min", () => ({ default: { react: vi.fn(async () => undefined), purge: vi.fn(), Plots: { resize: vi.fn() } } }));

// A second is too short for a busy machine; what is waited for either comes or is a defect.
const waitFor = vi.waitFor;
vi.waitFor = ((check, options = 10_000) => waitFor(check, options)) as typeof vi.waitFor;

Range.prototype.getClientRects = () => [] as unknown as DOMRectList;
Range.prototype.getBoundingClientRect = () => new DOMRect();

if (!("matchMedia" in window)) {
  Object.defineProperty(window, "matchMedia", { value: () => ({ matches: false, addEventListener: () => undefined, removeEventListener: () => undefined }) });
}
