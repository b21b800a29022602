// Numbers as people read them.

const whole = new Intl.NumberFormat("en");

export function count(number) {
  return whole.format(number);
}

/** A share of 0 … 1 in percent: one decimal, more where it is small. */
export function percent(share) {
  if (!Number.isFinite(share)) return "–";
  const value = 100 * share;
  const decimals = value > 0 && value < 0.1 ? 3 : (value > 0 && value < 1) || (value > 99 && value < 100) ? 2 : 1;
  return `${value.toFixed(decimals)} %`;
}

/** Seconds in the unit that suits `largest` of what stands beside them. */
export function length(seconds, largest = seconds) {
  if (largest >= 360000) return `${count(Math.round(seconds / 3600))} h`;
  if (largest >= 3600) return `${(seconds / 3600).toFixed(1)} h`;
  if (largest >= 120) return `${(seconds / 60).toFixed(1)} min`;
  return `${seconds.toFixed(1)} s`;
}

/** A position in a source: m:ss.s, with hours where there are some. */
export function clock(seconds) {
  const tenths = Math.round(seconds * 10);
  const minutes = Math.floor(tenths / 600);
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** A value of an annotation, short. */
export function value(number) {
  if (number === null || number === undefined) return "null";
  if (typeof number !== "number") return String(number);
  if (Number.isInteger(number)) return Math.abs(number) < 1e5 ? String(number) : count(number);
  const size = Math.abs(number);
  return size >= 1e5 || size < 1e-4 ? number.toExponential(2) : String(Number(number.toPrecision(size >= 1000 ? 5 : 4)));
}

/** The last part of a path or URL. */
export function baseName(path) {
  return String(path).replace(/\/+$/, "").split("/").pop();
}
