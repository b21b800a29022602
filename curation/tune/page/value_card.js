// A column of texts or truth values: bars that can be checked, or a regular expression where there are too many.

import { get } from "./api.js";
import { Card } from "./card.js";
import { h } from "./dom.js";
import * as format from "./format.js";

export class ValueCard extends Card {
  constructor(page, column, rule) {
    super(page, column.name, column.origin, rule);
    this.column = column;
    this.values = h("div", { class: "values", role: "group", "aria-label": `Values of ${column.name} that are kept` });
    this.pattern = h("input", {
      type: "text",
      class: "mono",
      placeholder: "regular expression that must be found",
      "aria-label": `${column.name} matches`,
      onchange: () => this.#set({ matches: this.pattern.value || undefined }),
    });
    this.patternLine = h("div", { class: "bounds pattern" }, h("label", {}, "matches", this.pattern));
    this.nulls = h("button", { type: "button", class: "tool", title: "Whether clips without a value are kept", onclick: () => this.#toggleNulls() });
    this.foot = h("div", { class: "bounds" }, this.nulls, this.verdict);
    this.element.append(this.head, this.values, this.patternLine, this.foot, this.error);
    this.element.classList.add("text");
    this.patternLine.hidden = column.kind !== "text";
  }

  async load() {
    this.isLoaded = true;
    this.data = await get("/api/column", { name: this.column.name });
    this.showRule();
    this.page.wantKept();
  }

  showKept(counts) {
    this.kept = counts;
    if (counts) this.keptBars?.forEach((bar, index) => this.#size(bar, counts[index]));
  }

  showRule() {
    super.showRule();
    if (!this.data) return;
    this.most = Math.max(1, ...this.data.counts);
    this.keptBars = [];
    this.values.replaceChildren(...this.data.values.map((value, index) => this.#line(value, index)));
    if (!this.data.is_complete && this.data.values.length) {
      const more = this.data.num_distinct - this.data.values.length;
      this.values.append(h("p", { class: "extra origin", text: `and ${format.count(more)} other values` }));
    }
    const spec = this.rule?.spec ?? {};
    this.pattern.value = spec.matches ?? "";
    this.nulls.hidden = !this.data.nulls;
    this.nulls.disabled = this.rule === null || Boolean(spec.not_null);
    const fate = this.rule === null ? "" : spec.nulls === "keep" ? " kept" : " dropped";
    this.nulls.textContent = `${format.count(this.data.nulls)} null${this.data.nulls === 1 ? "" : "s"}${fate}`;
    if (this.kept) this.showKept(this.kept);
  }

  #line(value, index) {
    const box = h("input", { type: "checkbox", "aria-label": `Keep ${value}`, onchange: () => this.#toggle(value, box.checked) });
    box.checked = this.#isKept(value);
    const all = h("i", {});
    const kept = h("i", { class: "kept" });
    this.#size(all, this.data.counts[index]);
    this.#size(kept, 0);
    this.keptBars.push(kept);
    return h(
      "label",
      { class: box.checked ? "value" : "value unchecked" },
      box,
      h("span", { class: "name", text: String(value), title: String(value) }),
      h("span", { class: "track" }, all, kept),
      h("span", { class: "number", text: format.count(this.data.counts[index]) }),
    );
  }

  #size(bar, number) {
    bar.style.width = `${(100 * (number ?? 0)) / this.most}%`;
  }

  #isKept(value) {
    const spec = this.rule?.spec ?? {};
    if (spec.is !== undefined) return spec.is === value;
    if (spec.in) return spec.in.includes(value);
    return !spec.not_in?.includes(value);
  }

  // A list of what is dropped says less of the next dataset than one of what is kept; the one that is there stays.
  #toggle(value, isKept) {
    const kept = this.data.values.filter((other) => (other === value ? isKept : this.#isKept(other)));
    const dropped = this.data.values.filter((other) => !kept.includes(other));
    const spec = this.rule?.spec ?? {};
    if (this.column.kind === "truth value") {
      this.#set({ is: kept.length === 1 ? kept[0] : undefined });
    } else if (spec.in || (this.data.is_complete && !spec.not_in && kept.length <= dropped.length)) {
      const beyond = (spec.in ?? []).filter((other) => !this.data.values.includes(other));
      const list = [...beyond, ...kept];
      this.#set({ in: dropped.length && list.length ? list : undefined });
    } else {
      const beyond = (spec.not_in ?? []).filter((other) => !this.data.values.includes(other));
      const list = [...beyond, ...dropped];
      this.#set({ not_in: list.length ? list : undefined });
    }
  }

  #set(changes) {
    const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
    if (this.rule !== null) this.page.draft.set(this.rule, { ...changes, not_null: undefined }); // they drop nulls as well
    else if (Object.keys(given).length) this.page.adopt(this, { [this.column.name]: given });
    this.page.layOut();
    this.showRule();
  }

  #toggleNulls() {
    this.#set({ nulls: this.rule.spec.nulls === "keep" ? undefined : "keep" });
  }
}
