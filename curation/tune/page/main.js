// The page: reads the dataset and the filters, keeps the draft, and asks the server what it keeps.

import { ask, get, Newest } from "./api.js";
import { Board } from "./board.js";
import { Details } from "./details.js";
import { byId, h } from "./dom.js";
import { Draft } from "./draft.js";
import * as format from "./format.js";
import { showFlow } from "./funnel.js";
import { openSaving } from "./saving.js";
import { startSplitter } from "./splitter.js";
import { startTheme } from "./theme.js";
import { Views } from "./views.js";

const QUICK = 50;
const REST = 150;

class Page {
  constructor() {
    this.draft = new Draft();
    this.answer = null;
    this.movedAt = null;
    this.isHeld = false;
    this.evaluating = new Newest(
      ({ rules }) => ask("/api/evaluate", { rules: rules.map((rule) => rule.written) }),
      (answer, question) => this.#show(answer, question),
      (error) => this.trouble(error),
    );
    this.keptBars = new Newest(
      (question) => ask("/api/kept", question),
      (bars) => this.board.showKept(bars),
      (error) => this.trouble(error),
    );
    this.details = new Details(this);
    this.views = new Views(this);
  }

  async start() {
    if (location.search) history.replaceState(null, "", location.pathname); // the token does not stay in the address
    this.about = await get("/api/dataset");
    this.filters = this.about.filters;
    this.config = this.about.config;
    this.key = `curation-draft ${this.about.dataset}`;
    byId("dataset-name").textContent = this.about.name;
    byId("dataset-name").title = this.about.dataset;
    document.title = `${this.about.name} – thresholds`;
    this.board = new Board(this, this.about.columns, this.about.scores);
    this.draft.onChange((kind) => this.#changed(kind));
    this.#fillFilters();
    this.#fillAdd();
    byId("save").addEventListener("click", () => openSaving(this));
    byId("revert").addEventListener("click", () => this.load(this.draft.base).catch((error) => this.trouble(error)));
    byId("save").disabled = Boolean(this.about.cannot_save);
    byId("save").title = this.about.cannot_save;
    byId("rules-pane").addEventListener("scroll", () => this.wantKept(), { passive: true });
    addEventListener("scroll", () => this.wantKept(), { passive: true });
    if (!this.draft.restore(this.key)) await this.load(this.#first());
    byId("filter-picker").value = this.draft.base;
  }

  async load(name) {
    const filter = this.filters.find((other) => other.name === name);
    const rules = name ? (await get("/api/filter", { name })).rules : [];
    this.draft.load(name, rules, filter?.description ?? null);
  }

  /** A card without a rule gets one. */
  adopt(card, written) {
    const held = this.isHeld;
    this.isHeld = true; // the card stays where it is while it is in use
    card.rule = this.draft.add(written);
    this.isHeld = held;
  }

  /** A threshold was moved by hand, at that time. */
  moved(at) {
    this.movedAt = at;
  }

  choose(rule, side) {
    this.mark(rule);
    this.views.choose(rule, side);
  }

  mark(rule) {
    this.board.mark(rule);
  }

  layOut() {
    if (!this.isHeld) this.board.layOut();
  }

  /** The bars of kept clips follow the hand where the server is quick, and else when the hand rests. */
  wantKept() {
    clearTimeout(this.keptTimer);
    this.keptTimer = setTimeout(() => {
      const columns = this.board.shown();
      if (columns.length) this.keptBars.ask({ rules: this.draft.written(), columns });
    }, Math.max(this.evaluating.took, this.keptBars.took) < QUICK ? 0 : REST);
  }

  trouble(error) {
    byId("trouble").textContent = error.message;
    byId("trouble").hidden = false;
  }

  async saved(name, description) {
    this.draft.isSaved(name, description);
    this.draft.store(this.key);
    byId("revert").disabled = true;
    const about = await get("/api/dataset");
    this.filters = about.filters;
    this.#fillFilters();
  }

  #changed(kind) {
    this.draft.store(this.key);
    byId("revert").disabled = !this.draft.isChanged;
    if (kind === "rules") this.layOut();
    this.evaluating.ask({ rules: this.draft.enabled(), movedAt: this.movedAt });
    this.movedAt = null;
  }

  #show(answer, { rules, movedAt }) {
    this.answer = answer;
    this.answered = { rules, written: rules.map((rule) => rule.written) };
    const { total, kept } = answer;
    byId("kept-share").textContent = format.percent(kept.clips / total.clips);
    byId("kept-clips").textContent = format.count(kept.clips);
    byId("total-clips").textContent = `of ${format.count(total.clips)} clips`;
    byId("kept-length").textContent = format.length(kept.seconds, total.seconds);
    byId("total-length").textContent = `of ${format.length(total.seconds)}`;
    showFlow(byId("flow"), answer);
    rules.forEach((rule, index) => this.board.cardOf(rule)?.showRow(answer.rules[index]));
    byId("trouble").hidden = true;
    if (movedAt !== null) painted(() => performance.measure("threshold move", { start: movedAt }));
    this.wantKept();
    this.views.refresh();
  }

  #first() {
    return (this.filters.find((filter) => filter.is_own) ?? this.filters[0])?.name ?? "";
  }

  #fillFilters() {
    const picker = byId("filter-picker");
    const option = ({ name, description }) => h("option", { value: name, text: name, title: description ?? null });
    const own = this.filters.filter((filter) => filter.is_own);
    const installed = this.filters.filter((filter) => !filter.is_own);
    const group = (label, filters) => filters.length && h("optgroup", { label }, ...filters.map(option));
    picker.replaceChildren(...[h("option", { value: "", text: "no rules" }), group(this.about.target, own), group("installed", installed)].filter(Boolean));
    picker.value = this.draft.base;
    picker.onchange = () => this.load(picker.value).catch((error) => this.trouble(error));
  }

  #fillAdd() {
    const add = byId("add-rule");
    const origins = [...new Set(this.about.columns.map((column) => column.origin))];
    const group = (origin) =>
      h("optgroup", { label: origin }, ...this.about.columns.filter((column) => column.origin === origin).map(({ name }) => h("option", { value: name, text: name })));
    add.replaceChildren(h("option", { value: "", text: "Add a rule…" }), h("option", { value: "sql", text: "in SQL" }), ...origins.map(group));
    add.onchange = () => {
      const column = this.about.columns.find(({ name }) => name === add.value);
      const written = add.selectedIndex === 1 ? { sql: "duration_s >= 2" } : { [column.name]: { not_null: true } };
      const rule = this.draft.add(written);
      add.value = "";
      const card = this.board.cardOf(rule).element;
      card.scrollIntoView({ block: "nearest" });
      this.choose(rule);
    };
  }
}

/** After the next picture is on the screen. */
function painted(then) {
  requestAnimationFrame(() => {
    const channel = new MessageChannel();
    channel.port1.onmessage = then;
    channel.port2.postMessage(null);
  });
}

startTheme();
startSplitter();
const page = new Page();
page.start().catch((error) => page.trouble(error));
