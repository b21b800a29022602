// What the right side shows: clips at a threshold, random clips, the funnel, two filters compared.

import { ask, get } from "./api.js";
import { strip } from "./clip_view.js";
import { byId, h } from "./dom.js";
import * as format from "./format.js";
import { funnelTable } from "./funnel.js";

const AT_THRESHOLD = 8;
const RANDOM = 24;
const PAUSE = 220;

export class Views {
  /** `page`: see main.js. */
  constructor(page) {
    this.page = page;
    this.seed = 1;
    this.rule = null;
    this.side = null;
    this.compared = { a: null, b: null };
    this.asked = 0;
    this.more = 1;
    this.tabs = [...document.querySelectorAll(".tabs [role=tab]")];
    for (const tab of this.tabs) {
      tab.addEventListener("click", () => this.open(tab.dataset.view));
      tab.addEventListener("keydown", (event) => this.#tabKey(event, tab));
    }
    this.open("threshold");
  }

  open(view) {
    this.view = view;
    for (const tab of this.tabs) {
      tab.setAttribute("aria-selected", String(tab.dataset.view === view));
      tab.tabIndex = tab.dataset.view === view ? 0 : -1;
    }
    byId("view").setAttribute("aria-labelledby", `tab-${view}`);
    this.refresh(0);
  }

  /** A rule, and where one of its thresholds was moved that side of it. */
  choose(rule, side) {
    if (rule === this.rule && (side === undefined || side === this.side)) return;
    if (rule !== this.rule) this.side = null;
    this.rule = rule;
    this.side = side ?? this.side;
    this.more = 1;
    if (this.view === "threshold") this.refresh();
  }

  /** Show the view anew, when nothing has changed for a moment. */
  refresh(pause = PAUSE) {
    if (this.view === "funnel") {
      this.#showFunnel();
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.#show(), pause);
  }

  async #show() {
    if (!this.page.answer) return;
    const asked = ++this.asked;
    const fill = { threshold: () => this.#threshold(), random: () => this.#random(), compare: () => this.#compare() }[this.view];
    if (!fill) return;
    try {
      const content = await fill();
      if (asked === this.asked) byId("view").replaceChildren(...content);
    } catch (error) {
      if (asked === this.asked) byId("view").replaceChildren(h("p", { class: "empty", role: "alert", text: error.message }));
    }
  }

  #showFunnel() {
    this.asked++;
    if (this.page.answer) byId("view").replaceChildren(...funnelTable(this.page.answer));
  }

  async #threshold() {
    const { answer, answered } = this.page;
    const { rules, written } = answered;
    const rows = answer.rules;
    const usable = rules.filter((rule, index) => rows[index] && !rows[index].error);
    if (!usable.length) return [h("p", { class: "empty", text: "No rule yet. Drag a handle of a histogram, and the clips on both sides of it appear here." })];
    const rule = usable.includes(this.rule) ? this.rule : usable[0];
    const index = rules.indexOf(rule);
    const sides = sidesOf(rule);
    const side = sides.includes(this.side) ? this.side : (sides[0] ?? null);
    const choices = usable.flatMap((other) => {
      const ends = sidesOf(other);
      return (ends.length ? ends : [null]).map((end) => ({ rule: other, side: end, text: thresholdText(other, end, rows[rules.indexOf(other)]) }));
    });
    const picker = h(
      "div",
      { class: "choices", role: "group", "aria-label": "Threshold" },
      ...choices.map((choice) =>
        h("button", {
          type: "button",
          class: "choice",
          "aria-pressed": String(choice.rule === rule && choice.side === side),
          text: choice.text,
          onclick: () => {
            this.rule = choice.rule;
            this.side = choice.side;
            this.more = 1;
            this.page.mark(choice.rule);
            this.refresh(0);
          },
        }),
      ),
    );
    const limit = Math.min(120, AT_THRESHOLD * this.more);
    const question = (fate) => ask("/api/gallery", { rules: written, rule: index, side, fate, limit, seed: this.seed });
    const [dropped, kept] = await Promise.all([question("dropped"), question("kept")]);
    const only = rows[index].only.clips;
    const fullest = Math.max(dropped.clips.length, kept.clips.length);
    const common = { column: rule.column, open: this.#opener([...dropped.clips, ...kept.clips]) };
    const near = side === null ? "" : ", nearest first";
    return [
      picker,
      strip({
        ...common,
        title: side === null ? "Dropped" : "Just dropped",
        note: `${format.count(only)} clip${only === 1 ? "" : "s"} that no other rule drops${near}`,
        fate: "dropped",
        clips: dropped.clips,
        empty: "This rule drops no clip that the others keep.",
      }),
      strip({ ...common, title: side === null ? "Kept" : "Just kept", note: side === null ? "at random" : "nearest first", fate: "kept", clips: kept.clips, empty: "No clip is kept." }),
      fullest >= limit && limit < 120 && this.#moreButton(),
    ].filter(Boolean);
  }

  #moreButton() {
    return h("button", {
      type: "button",
      class: "button",
      text: "More",
      onclick: () => {
        this.more *= 2;
        this.refresh(0);
      },
    });
  }

  async #random() {
    const rules = this.page.answered.written;
    const question = (fate) => ask("/api/gallery", { rules, fate, limit: RANDOM / 2, seed: this.seed });
    const [kept, dropped] = await Promise.all([question("kept"), question("dropped")]);
    const open = this.#opener([...kept.clips, ...dropped.clips]);
    const { answer } = this.page;
    const shuffle = h("button", { type: "button", class: "button", text: "Shuffle", onclick: () => (this.seed++, this.refresh(0)) });
    const gone = answer.total.clips - answer.kept.clips;
    return [
      strip({ title: "Kept", note: `of ${format.count(answer.kept.clips)}`, fate: "kept", clips: kept.clips, open, empty: "No clip is kept.", tools: [shuffle] }),
      strip({ title: "Dropped", note: `of ${format.count(gone)}`, fate: "dropped", clips: dropped.clips, open, empty: "No clip is dropped." }),
    ];
  }

  async #compare() {
    const names = this.page.filters.map((filter) => filter.name);
    this.compared.a ??= "";
    this.compared.b ??= names.find((name) => name !== this.page.draft.base) ?? "";
    const picker = (side) => {
      const select = h(
        "select",
        { "aria-label": `Filter ${side.toUpperCase()}`, onchange: () => ((this.compared[side] = select.value), this.refresh(0)) },
        h("option", { value: "", text: "what is on the page" }),
        ...names.map((name) => h("option", { value: name, text: name })),
      );
      select.value = this.compared[side];
      return h("label", { class: "field" }, h("b", { text: side.toUpperCase() }), select);
    };
    const heading = h("div", { class: "versus" }, picker("a"), h("span", { text: "against" }), picker("b"));
    try {
      const rulesOf = async (name) => (name ? (await get("/api/filter", { name })).rules : this.page.answered.written);
      const [a, b] = await Promise.all([rulesOf(this.compared.a), rulesOf(this.compared.b)]);
      const found = await ask("/api/compare", { a, b, limit: RANDOM / 2, seed: this.seed });
      return [heading, ...this.#compared(found)];
    } catch (error) {
      return [heading, h("p", { class: "empty", role: "alert", text: error.message })];
    }
  }

  #compared(found) {
    const total = this.page.answer.total;
    const cell = (id, text, amount) =>
      h(
        "div",
        { id },
        h("b", { text: format.count(amount.clips) }),
        h("span", { text }),
        h("span", { text: `${format.percent(amount.clips / total.clips)}, ${format.length(amount.seconds, total.seconds)}` }),
      );
    const open = this.#opener([...found.only_a.clips, ...found.only_b.clips]);
    const part = (title, one) => strip({ title, note: one.clips.length < one.amount.clips ? `${one.clips.length} of ${format.count(one.amount.clips)}, at random` : "", fate: null, clips: one.clips, open, empty: "No such clip." });
    const left = Object.entries(found.left_out).flatMap(([side, why]) => why.map((text) => `${side.toUpperCase()} without ${text}`));
    return [
      ...left.map((text) => h("p", { class: "trouble", text })),
      h(
        "div",
        { class: "quad" },
        cell("both", "both keep", found.both),
        cell("only-a", "only A keeps", found.only_a.amount),
        cell("only-b", "only B keeps", found.only_b.amount),
        cell("neither", "both drop", found.neither),
      ),
      part("A keeps, B drops", found.only_a),
      part("B keeps, A drops", found.only_b),
    ];
  }

  #opener(clips) {
    const ids = clips.map((clip) => clip.clip_id);
    return (id) => this.page.details.open(id, ids);
  }

  #tabKey(event, tab) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const next = this.tabs[(this.tabs.indexOf(tab) + by + this.tabs.length) % this.tabs.length];
    next.focus();
    this.open(next.dataset.view);
  }
}

function sidesOf(rule) {
  const spec = rule.spec ?? {};
  const sides = [];
  if ("min" in spec || "drop_lowest" in spec) sides.push("low");
  if ("max" in spec || "drop_highest" in spec) sides.push("high");
  return sides;
}

function thresholdText(rule, side, row) {
  if (side === null) return row.label;
  const bound = row.bounds?.[side === "low" ? "min" : "max"];
  const sign = side === "low" ? "≥" : "≤";
  return bound === undefined ? row.label : `${rule.column} ${sign} ${format.value(bound)}`;
}
