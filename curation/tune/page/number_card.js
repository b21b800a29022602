// A score: its histogram, and the thresholds of a rule over it as values or as percentiles.

import { ask, get } from "./api.js";
import { shareBelow, valueAt } from "./axis.js";
import { Card, segments } from "./card.js";
import { h } from "./dom.js";
import * as format from "./format.js";
import { Histogram } from "./histogram.js";

const KEYS = {
  value: { low: "min", high: "max" },
  percentile: { low: "drop_lowest", high: "drop_highest" },
};
const LABELS = {
  value: { low: "least", high: "greatest" },
  percentile: { low: "drop lowest", high: "drop highest" },
};
const KNOWN = ["min", "max", "drop_lowest", "drop_highest", "nulls"];
const STEP = 0.005;

export class NumberCard extends Card {
  constructor(page, column, rule) {
    super(page, column.name, column.origin, rule);
    this.column = column;
    this.mode = "value";
    this.scale = null;
    this.isDragged = false;
    this.body = h("div", {}, h("div", { class: "plot" }), h("div", { class: "axis" }));
    this.bounds = h("div", { class: "bounds" });
    this.inputs = { low: this.#input("low"), high: this.#input("high") };
    this.nulls = h("button", { type: "button", class: "tool", onclick: () => this.#toggleNulls() });
    this.extra = h("span", { class: "extra" });
    this.labels = { low: h("span"), high: h("span") };
    this.units = { low: h("span"), high: h("span") };
    for (const side of ["low", "high"]) {
      this.bounds.append(h("label", {}, this.labels[side], this.inputs[side], this.units[side]));
    }
    this.bounds.append(this.nulls, this.extra, this.verdict);
    this.element.append(this.head, this.body, this.bounds, this.error);
  }

  /** Fetch the histogram; once, and again with another scale. */
  async load() {
    this.isLoaded = true;
    const data = await get("/api/column", { name: this.column.name, scale: this.scale });
    this.data = data;
    if (this.histogram) {
      this.histogram.show(data);
    } else {
      this.histogram = new Histogram(this.column.name, data, {
        moved: (side, value, at) => this.#moved(side, value, at),
        stepped: (side, steps, at) => this.#stepped(side, steps, at),
        dropped: () => this.#dropped(),
      });
      this.body.replaceChildren(this.histogram.element);
    }
    this.scale = data.axis.scale;
    this.showRule();
    this.page.wantKept();
  }

  showKept(counts) {
    if (this.histogram && counts?.length === this.data.counts.length) this.histogram.showKept(counts);
  }

  tools() {
    const spec = this.rule?.spec ?? {};
    const isGrouped = Boolean(spec.within);
    const scale = h("button", {
      type: "button",
      class: "tool faint",
      title: this.scale === "log" ? "Even axis" : "Logarithmic axis",
      "aria-label": `${this.scale === "log" ? "Even" : "Logarithmic"} axis: ${this.title}`,
      text: this.scale === "log" ? "lin" : "log",
      onclick: () => this.#rescale(),
    });
    const choices = [
      { name: "value", text: "value", disabled: isGrouped, title: isGrouped ? "percentiles within groups are many values" : null },
      { name: "percentile", text: "percentile" },
    ];
    return [scale, segments(`Thresholds of ${this.title}`, choices, this.#mode(), (mode) => this.#switch(mode))];
  }

  showRule() {
    super.showRule();
    this.showValues();
  }

  /** Handles and fields as the rule says. */
  showValues() {
    const mode = this.#mode();
    const spec = this.rule?.spec ?? {};
    for (const side of ["low", "high"]) {
      this.labels[side].textContent = LABELS[mode][side];
      this.units[side].textContent = mode === "percentile" ? "%" : "";
      const written = spec[KEYS[mode][side]];
      const input = this.inputs[side];
      if (document.activeElement !== input) input.value = written === undefined ? "" : String(written).replace("%", "");
      input.removeAttribute("aria-invalid");
    }
    const others = Object.entries(spec).filter(([key]) => !KNOWN.includes(key) || this.#isOther(key, mode));
    this.extra.textContent = others.map(([key, value]) => `${key.replace("_", " ")}: ${Array.isArray(value) ? value.join(", ") : value}`).join(" · ");
    const nulls = this.data?.nulls ?? 0;
    this.nulls.hidden = !nulls && spec.nulls === undefined;
    this.nulls.disabled = this.rule === null || Boolean(spec.not_null);
    const fate = this.rule === null ? "" : spec.nulls === "keep" ? " kept" : " dropped";
    this.nulls.textContent = `${format.count(nulls)} null${nulls === 1 ? "" : "s"}${fate}`;
    this.nulls.title = "Whether clips without a value are kept";
    this.histogram?.place({ low: this.#bound("low"), high: this.#bound("high") });
  }

  showRow(row) {
    super.showRow(row);
    if (!this.isDragged) this.histogram?.place({ low: this.#bound("low"), high: this.#bound("high") });
  }

  #isOther(key, mode) {
    return key in { min: 1, max: 1, drop_lowest: 1, drop_highest: 1 } && !Object.values(KEYS[mode]).includes(key);
  }

  #mode() {
    const spec = this.rule?.spec;
    if (spec && ("drop_lowest" in spec || "drop_highest" in spec)) return "percentile";
    if (spec && ("min" in spec || "max" in spec)) return "value";
    return this.mode;
  }

  #bound(side) {
    const spec = this.rule?.spec;
    if (!spec) return null;
    const key = side === "low" ? "min" : "max";
    const share = spec[KEYS.percentile[side]];
    if (share !== undefined) {
      if (!this.data.quantiles.length) return null;
      const part = Number.parseFloat(share) / 100;
      const told = this.isDragged ? undefined : this.row?.bounds?.[key];
      return { value: told ?? valueAt(this.data.quantiles, side === "low" ? part : 1 - part), text: `${Number.parseFloat(share)} %` };
    }
    return spec[key] === undefined ? null : { value: spec[key], text: format.value(spec[key]) };
  }

  #moved(side, value, at) {
    this.isDragged = true;
    this.page.isHeld = true;
    if (this.#mode() === "percentile") {
      this.#setShare(side, value === null ? 0 : this.#share(side, value), at);
    } else {
      const other = this.rule?.spec[KEYS.value[side === "low" ? "high" : "low"]];
      const bounded = value === null || other === undefined ? value : side === "low" ? Math.min(value, other) : Math.max(value, other);
      this.#set({ [KEYS.value[side]]: bounded ?? undefined }, side, at);
    }
  }

  #stepped(side, steps, at) {
    if (this.#mode() === "percentile") {
      const now = Number.parseFloat(this.rule?.spec[KEYS.percentile[side]] ?? "0") || 0;
      this.#setShare(side, (now + (side === "low" ? steps : -steps)) / 100, at);
    } else {
      const { axis } = this.histogram;
      const now = this.rule?.spec[KEYS.value[side]] ?? (side === "low" ? axis.low : axis.high);
      const position = axis.position(now) + steps * STEP;
      const next = axis.value(Math.min(1, Math.max(0, position)));
      const value = axis.isInteger && next === now ? now + Math.sign(steps) : next;
      const isOff = side === "low" ? position <= 0 : position >= 1;
      const other = this.rule?.spec[KEYS.value[side === "low" ? "high" : "low"]];
      const crosses = other !== undefined && (side === "low" ? value > other : value < other);
      if (!crosses) this.#set({ [KEYS.value[side]]: isOff ? undefined : value }, side, at);
    }
    this.#dropped();
  }

  #share(side, value) {
    const below = shareBelow(this.data.quantiles, value);
    return side === "low" ? below : 1 - below;
  }

  #setShare(side, share, at) {
    const other = Number.parseFloat(this.rule?.spec[KEYS.percentile[side === "low" ? "high" : "low"]] ?? "0") || 0;
    const part = Math.min(Math.round(1000 * Math.max(0, share)) / 10, 99.9 - other);
    this.#set({ [KEYS.percentile[side]]: part > 0 ? `${Number(part.toFixed(1))}%` : undefined }, side, at);
  }

  #set(changes, side, at) {
    this.page.moved(at);
    if (this.rule === null) {
      const spec = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
      if (!Object.keys(spec).length) return;
      this.page.adopt(this, { [this.column.name]: spec });
    } else {
      this.page.draft.set(this.rule, { ...changes, not_null: undefined }); // a threshold drops nulls as well
      if (!this.page.draft.rules.includes(this.rule)) this.rule = null;
    }
    if (this.rule) this.page.choose(this.rule, side);
    this.showValues();
  }

  #dropped() {
    this.isDragged = false;
    this.page.isHeld = false;
    this.page.layOut();
    this.showRule();
  }

  #input(side) {
    const input = h("input", { type: "text", inputmode: "decimal", "aria-label": `${this.title}: ${LABELS.value[side]} value kept`, placeholder: "–" });
    input.addEventListener("change", (event) => {
      const mode = this.#mode();
      const text = input.value.trim().replace(",", ".").replace(/\s*%$/, "");
      const number = Number(text);
      if (text !== "" && !Number.isFinite(number)) {
        input.setAttribute("aria-invalid", "true");
        return;
      }
      const written = text === "" ? undefined : mode === "percentile" ? `${text}%` : number;
      this.#set({ [KEYS[mode][side]]: written }, side, event.timeStamp);
      this.#dropped();
    });
    return input;
  }

  #toggleNulls() {
    this.page.draft.set(this.rule, { nulls: this.rule.spec.nulls === "keep" ? undefined : "keep" });
    this.showValues();
  }

  async #switch(mode) {
    this.mode = mode;
    const spec = this.rule?.spec;
    if (spec && ["min", "max", "drop_lowest", "drop_highest"].some((key) => key in spec)) {
      try {
        const to = mode === "percentile" ? "percentiles" : "values";
        const { spec: converted } = await ask("/api/convert", { column: this.column.name, spec, to });
        const gone = Object.fromEntries(Object.keys(spec).map((key) => [key, undefined]));
        this.page.draft.set(this.rule, { ...gone, ...converted });
      } catch (error) {
        this.error.hidden = false;
        this.error.textContent = error.message;
      }
    }
    this.showRule();
  }

  async #rescale() {
    this.scale = this.scale === "log" ? "linear" : "log";
    await this.load();
  }
}
