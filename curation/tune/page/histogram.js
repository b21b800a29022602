// A histogram with two handles: the least and the greatest value that are kept.

import { Axis } from "./axis.js";
import { h, s } from "./dom.js";
import * as format from "./format.js";

const WIDTH = 1000;
const HEIGHT = 100;

export class Histogram {
  /**
   * `label`: of the column; `data`: the answer of /api/column; `moved(side, position, value)`: a handle was moved by
   * hand, value null where it was moved to its end; `stepped(side, steps)`: by a key; `dropped()`: the hand
   * lets go.
   */
  constructor(label, data, { moved, stepped, dropped }) {
    this.label = label;
    this.moved = moved;
    this.stepped = stepped;
    this.dropped = dropped;
    this.kept = s("path", { class: "kept" });
    this.all = s("path", { class: "all" });
    const base = s("line", { class: "base", x1: 0, x2: WIDTH, y1: HEIGHT, y2: HEIGHT });
    const bars = s(
      "svg",
      { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" },
      this.all,
      this.kept,
      base,
    );
    this.shades = { low: h("div", { class: "shade low" }), high: h("div", { class: "shade high" }) };
    this.handles = { low: this.#handle("low"), high: this.#handle("high") };
    this.plot = h("div", { class: "plot" }, this.shades.low, this.shades.high, bars, this.handles.low, this.handles.high);
    this.axisLine = h("div", { class: "axis", "aria-hidden": "true" });
    this.element = h("div", {}, this.plot, this.axisLine);
    this.show(data);
  }

  show(data) {
    this.data = data;
    this.axis = new Axis(data.axis, data.is_integer);
    this.most = Math.max(1, ...data.counts);
    this.all.setAttribute("d", this.#bars(data.counts));
    this.placed = null;
    const ticks = data.quantiles.length ? this.axis.ticks() : [];
    this.axisLine.replaceChildren(
      ...ticks.map(({ place, value }) => {
        const tick = h("span", { text: format.value(value) });
        tick.style.left = `${100 * place}%`;
        return tick;
      }),
    );
  }

  showKept(counts) {
    this.kept.setAttribute("d", this.#bars(counts));
  }

  /** `bounds`: for each side the value where its handle stands and the text on it, or null where it is not set. */
  place(bounds) {
    const wanted = JSON.stringify(bounds);
    if (wanted === this.placed) return;
    this.placed = wanted;
    for (const side of ["low", "high"]) {
      const bound = bounds[side];
      const handle = this.handles[side];
      const position = bound === null ? (side === "low" ? 0 : 1) : this.axis.position(bound.value);
      handle.style.left = `${100 * position}%`;
      handle.classList.toggle("unset", bound === null);
      handle.classList.toggle("near-start", position < 0.08);
      handle.classList.toggle("near-end", position > 0.92);
      handle.firstChild.textContent = bound === null ? "" : bound.text;
      const now = bound === null ? (side === "low" ? this.axis.low : this.axis.high) : bound.value;
      handle.setAttribute("aria-valuenow", now);
      handle.setAttribute("aria-valuemin", Math.min(this.axis.low, now));
      handle.setAttribute("aria-valuemax", Math.max(this.axis.high, now));
      handle.setAttribute("aria-valuetext", bound === null ? "not set" : bound.text);
      const shade = this.shades[side];
      shade.hidden = bound === null;
      if (side === "low") shade.style.right = `${100 * (1 - position)}%`;
      else shade.style.left = `${100 * position}%`;
    }
  }

  // The square root of the number of clips, so that a bar of few clips can still be seen beside one of many.
  #bars(counts) {
    const step = WIDTH / counts.length;
    let path = "";
    counts.forEach((count, index) => {
      if (!count) return;
      const height = Math.max(1.5, HEIGHT * Math.sqrt(count / this.most));
      path += `M${index * step + 0.08 * step} ${HEIGHT}v${-height}h${0.84 * step}v${height}z`;
    });
    return path;
  }

  #handle(side) {
    const handle = h(
      "div",
      {
        class: "handle unset",
        role: "slider",
        tabindex: "0",
        "aria-label": `${this.label}: ${side === "low" ? "least" : "greatest"} value kept`,
        "aria-orientation": "horizontal",
        "data-side": side,
        onpointerdown: (event) => this.#grab(event, handle, side),
        onkeydown: (event) => this.#key(event, side),
      },
      h("span", { class: "label" }),
    );
    return handle;
  }

  #grab(event, handle, side) {
    if (event.button !== 0) return;
    event.preventDefault();
    handle.focus({ preventScroll: true });
    handle.setPointerCapture(event.pointerId);
    const box = this.plot.getBoundingClientRect();
    const grip = event.clientX - (handle.getBoundingClientRect().left + handle.offsetWidth / 2);
    const move = (moved) => {
      const position = Math.min(1, Math.max(0, (moved.clientX - grip - box.left) / box.width));
      const isOff = side === "low" ? position <= 0 : position >= 1;
      this.moved(side, isOff ? null : this.axis.value(position), moved.timeStamp);
    };
    const drop = () => {
      handle.removeEventListener("pointermove", move);
      this.dropped();
    };
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", drop, { once: true });
  }

  #key(event, side) {
    const far = event.shiftKey ? 10 : 1;
    const steps = { ArrowLeft: -far, ArrowDown: -far, ArrowRight: far, ArrowUp: far, PageDown: -10, PageUp: 10 }[event.key];
    const off = ["Delete", "Backspace", side === "low" ? "Home" : "End"].includes(event.key);
    if (steps === undefined && !off) return;
    event.preventDefault();
    if (off) {
      this.moved(side, null, event.timeStamp);
      this.dropped();
    } else {
      this.stepped(side, steps, event.timeStamp);
    }
  }
}
