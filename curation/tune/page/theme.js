// Light, dark, or as the system says.

import { byId } from "./dom.js";

const KEY = "curation-theme";
const CHOICES = { system: "◐", light: "☀", dark: "☾" };

export function startTheme() {
  const button = byId("theme");
  let chosen = localStorage.getItem(KEY) ?? "system";
  const show = () => {
    if (chosen === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = chosen;
    button.textContent = CHOICES[chosen];
    button.title = `Colours: ${chosen === "system" ? "as the system" : chosen}`;
    button.setAttribute("aria-label", button.title);
  };
  button.addEventListener("click", () => {
    const names = Object.keys(CHOICES);
    chosen = names[(names.indexOf(chosen) + 1) % names.length];
    localStorage.setItem(KEY, chosen);
    show();
  });
  if (!(chosen in CHOICES)) chosen = "system";
  show();
}
