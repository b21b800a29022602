// All cards: rules in order, then the scores without one.

import { MissingCard } from "./card.js";
import { byId } from "./dom.js";
import { NumberCard } from "./number_card.js";
import { SqlCard } from "./sql_card.js";
import { ValueCard } from "./value_card.js";

export class Board {
  /** `page`: see main.js; `columns`: those of the dataset; `scores`: the names of those that are always shown. */
  constructor(page, columns, scores) {
    this.page = page;
    this.scores = scores;
    this.columns = new Map(columns.map((column) => [column.name, column]));
    this.cards = [];
    this.seen = new IntersectionObserver((entries) => this.#load(entries), { rootMargin: "300px" });
  }

  /** Make the cards fit the rules; those that are there and still fit stay, with the focus in them. */
  layOut() {
    const { draft } = this.page;
    const left = new Set(this.cards);
    const take = (fits) => {
      const found = [...left].find(fits);
      if (found) left.delete(found);
      return found;
    };
    const ruled = draft.rules.map((rule) => {
      const card = take((other) => other.rule === rule) ?? take((other) => this.#canAdopt(other, rule)) ?? this.#make(rule);
      card.rule = rule;
      return card;
    });
    const taken = new Set(draft.rules.map((rule) => rule.column));
    const free = this.scores.filter((name) => !taken.has(name)).map((name) => this.columns.get(name));
    const others = free.map((column) => {
      const card = take((other) => other.column === column) ?? this.#cardOf(column, null);
      card.rule = null;
      return card;
    });
    for (const card of left) card.element.remove();
    this.cards = [...ruled, ...others];
    place(byId("rules"), ruled);
    place(byId("others"), others);
    byId("others-head").hidden = !others.length;
    for (const card of this.cards) {
      card.showRule();
      if (card.load && !card.isLoaded) this.seen.observe(card.element);
    }
  }

  cardOf(rule) {
    return this.cards.find((card) => card.rule === rule);
  }

  mark(rule) {
    for (const card of this.cards) card.element.classList.toggle("chosen", rule !== null && card.rule === rule);
  }

  /** The columns whose bars can be seen, as /api/kept wants them. */
  shown() {
    const inSight = (card) => {
      const box = card.element.getBoundingClientRect();
      return box.bottom > -200 && box.top < innerHeight + 200;
    };
    const cards = this.cards.filter((card) => card.data && inSight(card));
    return cards.map((card) => ({ name: card.column.name, scale: card.scale ?? null }));
  }

  showKept(bars) {
    for (const card of this.cards) if (card.column && card.column.name in bars) card.showKept(bars[card.column.name]);
  }

  #canAdopt(card, rule) {
    return card.rule === null && card.column !== undefined && card.column.name === rule.column;
  }

  #make(rule) {
    if (rule.column === null) return new SqlCard(this.page, rule);
    const column = this.columns.get(rule.column);
    return column ? this.#cardOf(column, rule) : new MissingCard(this.page, rule);
  }

  #cardOf(column, rule) {
    return column.kind === "number" ? new NumberCard(this.page, column, rule) : new ValueCard(this.page, column, rule);
  }

  #load(entries) {
    for (const entry of entries) {
      const card = this.cards.find((other) => other.element === entry.target);
      if (!entry.isIntersecting || !card || card.isLoaded) continue;
      this.seen.unobserve(entry.target);
      card.load().catch((error) => this.page.trouble(error));
    }
  }
}

/** Put elements in order without taking out those that are in their place: they keep the focus. */
function place(parent, cards) {
  cards.forEach((card, index) => {
    if (parent.children[index] !== card.element) parent.insertBefore(card.element, parent.children[index] ?? null);
  });
}
