// Where values stand on the axis of a histogram; the same as axis.py of the server.

export class Axis {
  constructor({ scale, low, high, unit }, isInteger) {
    Object.assign(this, { scale, low, high, unit, isInteger });
    this.start = this.#turn(low);
    this.end = this.#turn(high);
  }

  #turn(value) {
    return this.scale === "linear" ? value : Math.sign(value) * Math.log1p(Math.abs(value) / this.unit);
  }

  /** 0 at the low end … 1 at the high end. */
  position(value) {
    if (this.end <= this.start) return 0.5;
    return Math.min(1, Math.max(0, (this.#turn(value) - this.start) / (this.end - this.start)));
  }

  /** The value at a position, rounded to what a hand can point at. */
  value(position) {
    const decimals = this.isInteger ? 0 : this.#decimals(position);
    const rounded = Number(this.#exact(position).toFixed(decimals));
    return rounded === 0 ? 0 : rounded;
  }

  /** A few values that fit below the axis, from one end to the other. */
  ticks() {
    const places = this.end > this.start ? [0, 0.25, 0.5, 0.75, 1] : [0.5];
    const seen = new Set();
    return places
      .map((place) => ({ place, value: place === 0 ? this.low : place === 1 ? this.high : this.value(place) }))
      .filter(({ value }) => !seen.has(value) && seen.add(value));
  }

  #exact(position) {
    const turned = this.start + position * (this.end - this.start);
    return this.scale === "linear" ? turned : Math.sign(turned) * Math.expm1(Math.abs(turned)) * this.unit;
  }

  #decimals(position) {
    const step = Math.abs(this.#exact(Math.min(1, position + 0.002)) - this.#exact(Math.max(0, position - 0.002)));
    return step > 0 ? Math.min(12, Math.max(0, Math.ceil(-Math.log10(step)))) : 0;
  }
}

/** The share of values below `value`, 0 … 1, from evenly spaced quantiles. */
export function shareBelow(quantiles, value) {
  const last = quantiles.length - 1;
  let low = 0;
  let high = quantiles.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (quantiles[middle] < value) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return 0;
  if (low > last) return 1;
  const gap = quantiles[low] - quantiles[low - 1];
  return (low - 1 + (gap > 0 ? (value - quantiles[low - 1]) / gap : 1)) / last;
}

/** The value below which a share of 0 … 1 lies. */
export function valueAt(quantiles, share) {
  return quantiles[Math.round(Math.min(1, Math.max(0, share)) * (quantiles.length - 1))];
}
