// Saving what is on the page as a named filter.

import { ask } from "./api.js";
import { byId, h } from "./dom.js";

export function openSaving(page) {
  const dialog = byId("saving");
  const { draft, about } = page;
  const rules = draft.written();
  const off = draft.rules.length - rules.length;
  const name = h("input", { type: "text", id: "saving-name", required: true, maxlength: "100", autocomplete: "off", spellcheck: "false" });
  const description = h("input", { type: "text", id: "saving-description", maxlength: "2000", autocomplete: "off" });
  const overwrite = h("input", { type: "checkbox", id: "saving-overwrite" });
  const overwriteLine = h("label", { class: "check", hidden: true }, overwrite, "replace it");
  const wrong = h("p", { class: "wrong", role: "alert" });
  const save = h("button", { type: "submit", class: "button primary", text: "Save" });
  const mine = page.filters.find((filter) => filter.name === draft.base && filter.is_own);
  name.value = mine ? draft.base : "";
  description.value = draft.description ?? "";
  name.addEventListener("input", () => {
    overwriteLine.hidden = true;
    overwrite.checked = false;
    wrong.textContent = "";
  });

  const submit = async (event) => {
    event.preventDefault();
    wrong.textContent = "";
    save.disabled = true;
    try {
      const body = { name: name.value.trim(), rules, description: description.value.trim() || null, overwrite: overwrite.checked };
      const answer = await ask("/api/save", body);
      page.saved(answer.name, body.description);
      dialog.replaceChildren(...done(answer, about.dataset, page.config, () => dialog.close()));
      dialog.querySelector("button").focus();
    } catch (error) {
      wrong.textContent = error.message;
      overwriteLine.hidden = !error.answer?.exists;
    } finally {
      save.disabled = false;
    }
  };

  dialog.replaceChildren(
    h("h2", { id: "saving-title", text: "Save the filter" }),
    h(
      "form",
      { method: "dialog", onsubmit: submit },
      h("label", {}, "Name", name),
      h("label", {}, "Description, optional", description),
      h("p", { class: "note" }, "Into ", h("code", { text: about.target }), off ? `; ${off} rule${off === 1 ? "" : "s"} switched off ${off === 1 ? "is" : "are"} left out.` : "."),
      wrong,
      overwriteLine,
      h("div", { class: "row" }, h("button", { type: "button", class: "button", text: "Cancel", onclick: () => dialog.close() }), save),
    ),
  );
  dialog.showModal();
  name.focus();
  name.select();
}

function done(answer, dataset, config, close) {
  const quoted = /^[\w./:@-]+$/.test(dataset) ? dataset : `'${dataset.replaceAll("'", "'\\''")}'`;
  const option = config ? ` --config ${config}` : "";
  return [
    h("h2", { id: "saving-title", text: `Saved as ${answer.name}` }),
    h("p", { class: "note" }, h("code", { text: answer.place })),
    h("p", { class: "note" }, "To write the selection: ", h("code", { text: `curation filter ${quoted} --filter ${answer.name}${option}` })),
    h("div", { class: "box-row row" }, h("button", { type: "button", class: "button primary", text: "Close", onclick: close })),
  ];
}
