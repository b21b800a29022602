// A rule in SQL.

import { Card } from "./card.js";
import { h } from "./dom.js";

const PAUSE = 300;

export class SqlCard extends Card {
  constructor(page, rule) {
    super(page, rule.written.name ?? "SQL", "true for the clips that are kept", rule);
    this.expression = h("textarea", { class: "mono", rows: "2", spellcheck: "false", "aria-label": "Expression in SQL" });
    this.name = h("input", { type: "text", maxlength: "100", placeholder: "name, optional", "aria-label": "Name of the rule" });
    this.expression.value = rule.written.sql;
    this.name.value = rule.written.name ?? "";
    for (const field of [this.expression, this.name]) field.addEventListener("input", () => this.#typed());
    this.element.classList.add("sql");
    this.element.append(this.head, this.expression, h("div", { class: "bounds" }, this.name, this.verdict), this.error);
  }

  #typed() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      this.title = this.name.value || "SQL";
      this.page.draft.setSql(this.rule, this.expression.value, this.name.value);
      this.showRule();
    }, PAUSE);
  }
}
