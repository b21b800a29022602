// What each rule drops: alone, at its place, and that no other does.

import { h } from "./dom.js";
import * as format from "./format.js";

/** `answer`: of /api/evaluate. */
export function funnelTable(answer) {
  const { total, kept } = answer;
  const rows = answer.rules.filter((row) => !row.error);
  const amount = (part) => [
    h("span", { class: "amount", text: format.count(part.clips) }),
    h("span", { class: "part", text: format.percent(part.clips / total.clips) }),
  ];
  const meter = (clips) => {
    const bar = h("i", {});
    bar.style.width = `${(100 * clips) / Math.max(1, total.clips)}%`;
    return h("span", { class: "meter" }, bar);
  };
  const line = (row) =>
    h(
      "tr",
      {},
      h("td", {}, row.label, row.nulls > 0 && h("span", { class: "part", text: `${format.count(row.nulls)} of them nulls` })),
      h("td", {}, ...amount(row.alone)),
      h("td", {}, ...amount(row.here)),
      h("td", {}, ...amount(row.only)),
      h("td", {}, ...amount(row.left), meter(row.left.clips)),
    );
  return [
    h(
      "table",
      { class: "funnel" },
      h("thead", {}, h("tr", {}, ...["rule", "drops alone", "drops here", "only it drops", "left after it"].map((text) => h("th", { scope: "col", text })))),
      h(
        "tbody",
        {},
        h("tr", { class: "end" }, h("td", { text: "all clips", colspan: "4" }), h("td", {}, ...amount(total))),
        ...rows.map(line),
        h(
          "tr",
          { class: "end" },
          h("td", { text: "kept", colspan: "4" }),
          h("td", {}, ...amount(kept), h("span", { class: "part", text: format.length(kept.seconds, total.seconds) })),
        ),
      ),
    ),
    h("p", { class: "hint", text: "Here: what is left of it after the rules above. The order of rules changes that column, and no clip's fate." }),
  ];
}

/** A line whose parts are what is kept, and what each rule drops at its place. */
export function showFlow(flow, answer) {
  const parts = [{ text: "kept", amount: answer.kept }, ...answer.rules.filter((row) => !row.error).map((row) => ({ text: row.label, amount: row.here }))];
  while (flow.children.length > parts.length) flow.lastChild.remove();
  parts.forEach(({ text, amount }, index) => {
    const part = flow.children[index] ?? flow.appendChild(h("i", {}));
    part.className = index ? "" : "kept";
    part.style.width = `${(100 * amount.clips) / Math.max(1, answer.total.clips)}%`;
    part.style.opacity = index ? 0.95 - 0.6 * ((index - 1) / Math.max(1, parts.length - 1)) : 1;
    part.title = `${text}: ${format.count(amount.clips)} clips`;
  });
}
