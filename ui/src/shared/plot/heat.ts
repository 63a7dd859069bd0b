// A picture of many rows of numbers, one pixel each: space over time. Plotly lays it under the axes.

/** Stops of viridis (van der Walt and Smith, CC0): even steps look even, also without colour. */
const STOPS = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
] as const;

/** The colours from low to high, for the scale beside a picture. */
export const gradient = `linear-gradient(90deg, ${STOPS.map((c) => `rgb(${c.join(" ")})`).join(", ")})`;

/** Red, green, blue of a number between 0 and 1. */
export function viridis(at: number): [number, number, number] {
  const place = Math.min(1, Math.max(0, at)) * (STOPS.length - 1);
  const i = Math.min(STOPS.length - 2, Math.floor(place));
  const [a, b] = [STOPS[i] as readonly number[], STOPS[i + 1] as readonly number[]];
  const mix = (k: number) => Math.round((a[k] as number) + (place - i) * ((b[k] as number) - (a[k] as number)));
  return [mix(0), mix(1), mix(2)];
}

/** Pixels, rows from the top: the last row of numbers first, as an upward axis has it. Not a number is clear. */
export function pixels(rows: ReadonlyArray<ArrayLike<number>>, low: number, high: number): { data: Uint8ClampedArray<ArrayBuffer>; width: number; height: number } {
  const [width, height] = [rows[0]?.length ?? 0, rows.length];
  const data = new Uint8ClampedArray(4 * width * height);
  const scale = high > low ? 1 / (high - low) : 0;
  rows.forEach((row, r) => {
    const start = 4 * width * (height - 1 - r);
    for (let i = 0; i < width; i++) {
      const value = row[i] as number;
      if (!Number.isFinite(value)) continue;
      const [red, green, blue] = viridis((value - low) * scale);
      data.set([red, green, blue, 255], start + 4 * i);
    }
  });
  return { data, width, height };
}

/** The picture as the address of an image; empty where there is no canvas. */
export function picture(rows: ReadonlyArray<ArrayLike<number>>, low: number, high: number): string {
  const { data, width, height } = pixels(rows, low, high);
  if (width === 0 || height === 0 || typeof ImageData === "undefined") return "";
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return "";
  context.putImageData(new ImageData(data, width, height), 0, 0);
  return canvas.toDataURL("image/png");
}
