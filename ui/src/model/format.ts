// Numbers and times as people read them. One place, so that a value looks the same on every screen.

/** Four significant figures; powers of ten outside 1e-4..1e6. */
export function number(value: number | null | undefined, figures = 4): string {
  if (value == null || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e6) return minus(value.toExponential(figures - 2).replace("e+", "e"));
  return minus(Number(value.toPrecision(figures)).toString());
}

/** A number to be written into a model or a field: shortest text that reads back as (nearly) the same value. */
export function plain(value: number, figures = 6): string {
  return Number(value.toPrecision(figures)).toString();
}

/** `4.2 s`, `3 min 05 s`, `2 h 10 min`. */
export function duration(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return "–";
  if (seconds < 0.01) return `${(seconds * 1000).toFixed(1)} ms`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

/** Day and time of day, short. */
export function moment(milliseconds: number): string {
  return new Date(milliseconds).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** `1 run`, `3 runs`. */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** `name (unit)`, or the name alone. */
export function withUnit(name: string, unit: string | null | undefined): string {
  return unit ? `${name} (${unit})` : name;
}

/** Last part of a path, whatever the system's separator. */
export function fileName(path: string): string {
  return path.split(/[\\/]/).pop() ?? path;
}

function minus(text: string): string {
  return text.replace(/-/g, "−");
}
