// The line between rules and clips, which can be moved.

import { byId } from "./dom.js";

const KEY = "curation-split";
const LEAST = 25;
const MOST = 70;

export function startSplitter() {
  const line = byId("splitter");
  const main = byId("main");
  const set = (percent) => {
    const bounded = Math.min(MOST, Math.max(LEAST, percent));
    main.style.setProperty("--left", `${bounded}%`);
    line.setAttribute("aria-valuenow", Math.round(bounded));
    localStorage.setItem(KEY, bounded);
  };
  line.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    line.setPointerCapture(event.pointerId);
    const box = main.getBoundingClientRect();
    const move = (moved) => set((100 * (moved.clientX - box.left)) / box.width);
    line.addEventListener("pointermove", move);
    line.addEventListener("lostpointercapture", () => line.removeEventListener("pointermove", move), { once: true });
  });
  line.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -2, ArrowRight: 2 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    set(Number(line.getAttribute("aria-valuenow")) + by);
  });
  const stored = Number(localStorage.getItem(KEY));
  if (stored) set(stored);
}
