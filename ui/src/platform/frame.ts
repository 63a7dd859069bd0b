// Frames of the wire: JSON and one block of numbers in one run of bytes.
//
// Layout: u32 little-endian length of the JSON, the JSON in UTF-8, zeros up to a multiple of eight
// from the start, then the numbers as little-endian f64.

/** A message and its numbers. */
export type Framed<T> = { value: T; block: Float64Array };

/** Decodes a frame; throws a plain `Error` that names what does not fit. */
export function decodeFrame<T>(bytes: ArrayBuffer | Uint8Array): Framed<T> {
  const all = bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes);
  if (all.byteLength < 4) throw new Error(`a frame of ${all.byteLength} bytes has no header`);
  const length = new DataView(all.buffer, all.byteOffset, 4).getUint32(0, true);
  if (4 + length > all.byteLength) throw new Error(`a frame of ${all.byteLength} bytes says its text has ${length}`);
  const value = JSON.parse(new TextDecoder().decode(all.subarray(4, 4 + length))) as T;
  const start = Math.min(Math.ceil((4 + length) / 8) * 8, all.byteLength);
  const rest = all.byteLength - start;
  if (rest % 8 !== 0) throw new Error(`the numbers of a frame take ${rest} bytes, which is no multiple of 8`);
  // A view needs an offset that is a multiple of eight; a copy has one whatever the sender did.
  const aligned = (all.byteOffset + start) % 8 === 0;
  const block = aligned
    ? new Float64Array(all.buffer as ArrayBuffer, all.byteOffset + start, rest / 8)
    : new Float64Array(all.slice(start).buffer as ArrayBuffer);
  return { value, block };
}

/** Encodes a frame, as the host does; used by the tests and by hosts written in TypeScript. */
export function encodeFrame(value: unknown, block: ArrayLike<number>): ArrayBuffer {
  const text = new TextEncoder().encode(JSON.stringify(value));
  const start = Math.ceil((4 + text.length) / 8) * 8;
  const out = new ArrayBuffer(start + 8 * block.length);
  new DataView(out).setUint32(0, text.length, true);
  new Uint8Array(out).set(text, 4);
  new Float64Array(out, start).set(block);
  return out;
}
