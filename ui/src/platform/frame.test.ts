import { describe, expect, test } from "vitest";
import { decodeFrame, encodeFrame } from "./frame";

/** A frame as the host lays it out, written here byte by byte so that both directions are checked against the layout. */
function byHand(json: string, numbers: number[]): Uint8Array {
  const text = new TextEncoder().encode(json);
  const start = Math.ceil((4 + text.length) / 8) * 8;
  const bytes = new Uint8Array(start + numbers.length * 8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, text.length, true);
  bytes.set(text, 4);
  numbers.forEach((n, i) => view.setFloat64(start + 8 * i, n, true));
  return bytes;
}

describe("decodeFrame", () => {
  test.each(["{}", '{"a":1}', '{"α":"β – γ"}', '{"abc":12345}'])("reads text and numbers whatever the padding: %s", (json) => {
    const { value, block } = decodeFrame(byHand(json, [1.5, -2, NaN, 1e300]));
    expect(value).toEqual(JSON.parse(json));
    expect([...block]).toEqual([1.5, -2, NaN, 1e300]);
  });

  test("reads a frame that starts at an odd offset", () => {
    const frame = byHand('{"x":3}', [0.25, 7]);
    const shifted = new Uint8Array(frame.length + 3);
    shifted.set(frame, 3);
    expect([...decodeFrame(shifted.subarray(3)).block]).toEqual([0.25, 7]);
  });

  test("reads a frame without numbers", () => {
    expect(decodeFrame(byHand('{"ok":true}', []))).toEqual({ value: { ok: true }, block: new Float64Array() });
    // The host need not pad when nothing follows.
    expect(decodeFrame(byHand('{"ok":true}', []).slice(0, 15)).block.length).toBe(0);
  });

  test("says what is wrong with a damaged frame", () => {
    const frame = byHand('{"x":3}', [1]);
    expect(() => decodeFrame(frame.slice(0, 2))).toThrow(/2 bytes has no header/);
    expect(() => decodeFrame(frame.slice(0, 8))).toThrow(/8 bytes says its text has 7/);
    expect(() => decodeFrame(frame.slice(0, frame.length - 3))).toThrow(/take 5 bytes/);
  });

  test("encodeFrame writes the same bytes", () => {
    expect(new Uint8Array(encodeFrame({ x: 3, y: "ü" }, [1, 2]))).toEqual(byHand('{"x":3,"y":"ü"}', [1, 2]));
  });
});
