// What people type for numbers.

/** A finite number, or null; an empty text is null too. */
export function parseNumber(text: string): number | null {
  const clean = text.trim().replace(/−/g, "-");
  if (clean === "") return null;
  const value = Number(clean);
  return Number.isFinite(value) ? value : null;
}

/** For `TextInput.refuse`: empty is fine. */
export function refuseNonNumber(text: string): string | null {
  return text === "" || parseNumber(text) !== null ? null : "a number, with a decimal point";
}

/** For `TextInput.refuse`: `1915..`, `..1903`, `5..7` or nothing. */
export function refuseNonRange(text: string): string | null {
  if (text === "") return null;
  const ends = text.split("..");
  const fits = ends.length === 2 && ends.some((e) => e.trim() !== "") && ends.every((e) => e.trim() === "" || parseNumber(e) !== null);
  return fits ? null : "a range of times: 1915.. or ..1903 or 5..7";
}
