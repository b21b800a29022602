// The filter as it is on the page: rules in order, as they would stand in YAML.

let nextId = 1;

export class Draft {
  #listeners = [];

  constructor() {
    this.rules = [];
    this.base = "";
    this.description = null;
    this.saved = "[]";
  }

  /** Whether the rules are others than those of the filter that was loaded or saved. */
  get isChanged() {
    return JSON.stringify(this.written()) !== this.saved;
  }

  isSaved(name, description) {
    this.base = name;
    this.description = description;
    this.saved = JSON.stringify(this.written());
  }

  /** `kind` of change: "values" of one rule, or "rules": others, or in another order. */
  onChange(listener) {
    this.#listeners.push(listener);
  }

  #changed(kind, rule = null) {
    for (const listener of this.#listeners) listener(kind, rule);
  }

  load(base, rules, description) {
    this.rules = rules.map(ruleOf);
    this.isSaved(base, description);
    this.#changed("rules");
  }

  /** The rules that are switched on, as the server wants them. */
  written() {
    return this.rules.filter((rule) => rule.enabled).map((rule) => rule.written);
  }

  enabled() {
    return this.rules.filter((rule) => rule.enabled);
  }

  add(written) {
    const rule = ruleOf(written);
    this.rules.push(rule);
    this.#changed("rules", rule);
    return rule;
  }

  remove(rule) {
    this.rules = this.rules.filter((other) => other !== rule);
    this.#changed("rules");
  }

  move(rule, by) {
    const from = this.rules.indexOf(rule);
    const to = from + by;
    if (to < 0 || to >= this.rules.length) return;
    this.rules.splice(from, 1);
    this.rules.splice(to, 0, rule);
    this.#changed("rules");
  }

  enable(rule, enabled) {
    rule.enabled = enabled;
    this.#changed("rules");
  }

  /** Change keys of a column's rule; undefined takes one away. A rule that says nothing any more is removed. */
  set(rule, changes) {
    const spec = { ...rule.spec, ...changes };
    for (const key of Object.keys(spec)) if (spec[key] === undefined) delete spec[key];
    if (!("drop_lowest" in spec) && !("drop_highest" in spec)) delete spec.within;
    if (saysNothing(spec)) {
      this.remove(rule);
      return;
    }
    rule.written = { [rule.column]: spec };
    this.#changed("values", rule);
  }

  setSql(rule, expression, name) {
    const { name: before, ...others } = rule.written;
    rule.written = { ...others, sql: expression, ...(name && { name }) };
    this.#changed("values", rule);
  }

  store(key) {
    const { base, description, saved } = this;
    const rules = this.rules.map(({ written, enabled }) => ({ written, enabled }));
    sessionStorage.setItem(key, JSON.stringify({ base, description, saved, rules }));
  }

  /** What was there before the page was loaded anew; false: nothing. */
  restore(key) {
    try {
      const { base, description, saved, rules } = JSON.parse(sessionStorage.getItem(key));
      Object.assign(this, { base, description, saved });
      this.rules = rules.map(({ written, enabled }) => Object.assign(ruleOf(written), { enabled }));
    } catch {
      return false;
    }
    this.#changed("rules");
    return true;
  }
}

function ruleOf(written) {
  return {
    id: nextId++,
    enabled: true,
    written,
    get column() {
      return "sql" in this.written ? null : Object.keys(this.written)[0];
    },
    get spec() {
      return this.column === null ? null : this.written[this.column];
    },
  };
}

function saysNothing(spec) {
  return !Object.keys(spec).some((key) => key !== "nulls" && key !== "within");
}
