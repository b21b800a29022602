// What all cards have in common: the line at the top, and what the rule drops.

import { h } from "./dom.js";
import * as format from "./format.js";

export class Card {
  /** `page`: the draft, the columns and what cards ask of the page; `rule`: null for a score without a rule. */
  constructor(page, title, origin, rule) {
    Object.assign(this, { page, title, origin, rule, row: null });
    this.head = h("div", { class: "card-head" });
    this.error = h("p", { class: "wrong", role: "alert", hidden: true });
    this.verdict = h("span", { class: "verdict" });
    this.element = h("article", { class: "card", "aria-label": title, onfocusin: () => this.#choose(), onpointerdown: () => this.#choose() });
  }

  /** To be called when the rule, or its place among the rules, has changed. */
  showRule() {
    this.element.classList.toggle("rule", this.rule !== null);
    this.element.classList.toggle("off", this.rule !== null && !this.rule.enabled);
    const focused = this.head.contains(document.activeElement) ? nameOf(document.activeElement) : null;
    this.head.replaceChildren(
      ...[
        this.rule && this.#enabledBox(),
        h("h3", { text: this.title, title: this.title }),
        this.origin && h("span", { class: "origin", text: this.origin }),
        h("span", { class: "grow" }),
        h("span", { class: "tools" }, ...this.tools(), ...(this.rule ? this.#ruleTools() : [])),
      ].filter(Boolean),
    );
    if (focused) [...this.head.querySelectorAll("button, input")].find((one) => nameOf(one) === focused)?.focus();
    if (this.rule === null) this.showRow(null);
  }

  /** Buttons of the card, besides those of every rule. */
  tools() {
    return [];
  }

  /** What the server says of the rule; null where it is not asked. */
  showRow(row) {
    this.row = row;
    const isWrong = Boolean(row?.error) && !row.is_missing;
    this.error.hidden = !isWrong;
    this.error.textContent = isWrong ? row.error : "";
    this.verdict.textContent = row?.alone ? `drops ${format.count(row.alone.clips)}, ${format.count(row.only.clips)} only by this` : "";
  }

  #choose() {
    if (this.rule) this.page.choose(this.rule);
  }

  #enabledBox() {
    const box = h("input", {
      type: "checkbox",
      "aria-label": `Apply the rule over ${this.title}`,
      title: "apply this rule",
      onchange: () => this.page.draft.enable(this.rule, box.checked),
    });
    box.checked = this.rule.enabled;
    return box;
  }

  #ruleTools() {
    const { draft } = this.page;
    const place = draft.rules.indexOf(this.rule);
    const tool = (text, label, act, disabled = false) =>
      h("button", { type: "button", class: "tool faint", title: label, "aria-label": `${label}: ${this.title}`, disabled, onclick: act, text });
    return [
      tool("↑", "Earlier in the funnel", () => draft.move(this.rule, -1), place === 0),
      tool("↓", "Later in the funnel", () => draft.move(this.rule, 1), place === draft.rules.length - 1),
      h("button", {
        type: "button",
        class: "tool",
        title: "Remove the rule",
        "aria-label": `Remove the rule: ${this.title}`,
        onclick: () => draft.remove(this.rule),
        text: "✕",
      }),
    ];
  }
}

function nameOf(element) {
  return element.getAttribute("aria-label") ?? element.textContent;
}

/** Two or more buttons of which one is pressed. */
export function segments(label, choices, chosen, choose) {
  return h(
    "span",
    { class: "segments", role: "group", "aria-label": label },
    ...choices.map(({ name, text, title, disabled }) =>
      h("button", {
        type: "button",
        "aria-pressed": String(name === chosen),
        title: title ?? null,
        disabled: disabled ?? false,
        onclick: () => name !== chosen && choose(name),
        text,
      }),
    ),
  );
}

/** A rule over a column that this dataset has not. */
export class MissingCard extends Card {
  constructor(page, rule) {
    super(page, rule.column ?? "SQL", "not in this dataset", rule);
    this.why = h("p", { class: "why" });
    this.element.append(this.head, this.why);
    this.element.classList.add("missing");
  }

  showRow(row) {
    super.showRow(row);
    this.error.hidden = true;
    if (row?.error) this.why.textContent = row.error;
  }
}
