// All that is known of one clip, and its place in the source.

import { ask, get } from "./api.js";
import { byId, h, s } from "./dom.js";
import * as format from "./format.js";

const WIDTH = 1000;

export class Details {
  constructor(page) {
    this.page = page;
    this.dialog = byId("details");
    this.dialog.addEventListener("close", () => this.dialog.replaceChildren());
    this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.dialog.close());
    this.dialog.addEventListener("keydown", (event) => this.#key(event));
  }

  /** `ids`: the clips between which the arrow keys go. */
  async open(id, ids = [id]) {
    this.id = id;
    this.ids = ids;
    try {
      const path = `/api/clips/${encodeURIComponent(id)}`;
      const told = get(path);
      told.catch(() => {}); // shown below, when the first answer is there
      const found = await ask(path, { rules: this.page.draft.written() });
      if (this.id !== id) return;
      this.#show(found);
      if (!this.dialog.open) this.dialog.showModal();
      this.dialog.focus({ preventScroll: true });
      const rest = await told;
      if (this.id === id) this.#showRest(found, rest);
    } catch (error) {
      this.dialog.replaceChildren(this.#head("Clip"), h("div", { class: "sheet-body" }, h("p", { role: "alert", text: error.message })));
      if (!this.dialog.open) this.dialog.showModal();
    }
  }

  #show(found) {
    const { clip } = found;
    const video = h("video", { src: `/media/${encodeURIComponent(clip.clip_id)}`, controls: true, loop: true, playsinline: true, preload: "metadata" });
    video.muted = true;
    video.autoplay = true;
    const badges = found.dropped_by.length
      ? found.dropped_by.map((reason) => h("span", { class: "badge", text: `dropped: ${reason}` }))
      : [h("span", { class: "badge kept", text: "kept" })];
    this.timeline = h("section", {}, h("h3", { text: "Place in the source" }), ...this.#timeline({ ...found, source: {}, transitions: [] }));
    this.rest = h("div", { class: "sheet-rest" }, h("p", { class: "empty", text: "reading …" }));
    this.dialog.replaceChildren(
      this.#head(`${format.baseName(clip.source)}  ${format.clock(clip.start_s)} – ${format.clock(clip.end_s)}`),
      h(
        "div",
        { class: "sheet-body" },
        video,
        h("div", { class: "badges" }, ...badges),
        this.timeline,
        this.rest,
      ),
    );
    this.dialog.scrollTop = 0;
  }

  /** What has to be read from the tables first. */
  #showRest(found, rest) {
    const { clip } = found;
    const sheet = h("img", { class: "contact", loading: "lazy", alt: `Contact sheet of ${format.baseName(clip.source)}`, src: `/contact_sheets/${encodeURIComponent(clip.clip_id)}` });
    this.timeline.replaceChildren(h("h3", { text: "Place in the source" }), ...this.#timeline({ ...found, ...rest }));
    this.rest.replaceChildren(
      ...Object.entries(rest.annotations)
        .filter(([stage]) => stage !== "clips")
        .map(([stage, values]) => facts(stage, values)),
      ...(rest.has_contact_sheet ? [h("section", {}, h("h3", { text: "Contact sheet of the source" }), sheet)] : []),
      facts("clip", rest.annotations.clips ?? {}),
      facts("source", rest.source),
    );
  }

  #head(title) {
    const place = this.ids.indexOf(this.id);
    const go = (by, text, label) =>
      h("button", { type: "button", class: "tool", text, "aria-label": label, title: label, disabled: !this.ids[place + by], onclick: () => this.open(this.ids[place + by], this.ids) });
    return h(
      "div",
      { class: "sheet-head" },
      h("h2", { id: "details-title", text: title, title }),
      go(-1, "←", "Previous clip"),
      go(1, "→", "Next clip"),
      h("button", { type: "button", class: "tool", text: "✕", "aria-label": "Close", title: "Close", onclick: () => this.dialog.close() }),
    );
  }

  #timeline({ clip, source, siblings, transitions }) {
    const ends = [...siblings, ...transitions, clip].map((mark) => mark.end_s);
    const end = Math.max(source.video_duration_s ?? 0, ...ends, 0.001);
    const x = (seconds) => (WIDTH * Math.max(0, seconds)) / end;
    const spans = siblings.map((sibling) => {
      const kind = `span${sibling.kept ? " kept" : ""}${sibling.clip_id === clip.clip_id ? " here" : ""}`;
      const span = s("rect", {
        class: kind,
        x: x(sibling.start_s),
        y: 9,
        width: Math.max(1, x(sibling.end_s) - x(sibling.start_s) - 1),
        height: 28,
        onclick: () => this.open(sibling.clip_id, siblings.map((other) => other.clip_id)),
      });
      span.append(s("title", { text: `${format.clock(sibling.start_s)} – ${format.clock(sibling.end_s)}, ${sibling.kept ? "kept" : "dropped"}` }));
      return span;
    });
    const marks = transitions.map((mark) => {
      const line = s("rect", { class: `mark ${["fade", "dissolve"].includes(mark.kind) ? mark.kind : "cut"}`, x: x(mark.start_s), y: 0, width: Math.max(0.5, x(mark.end_s) - x(mark.start_s)), height: 46 });
      line.append(s("title", { text: `${mark.kind} at ${format.clock(mark.start_s)}` }));
      return line;
    });
    const ring = s("rect", { class: "ring", x: x(clip.start_s), y: 6, width: Math.max(2, x(clip.end_s) - x(clip.start_s)), height: 34 });
    const label = `Timeline of the source: ${siblings.length} clips, ${transitions.length} transitions`;
    return [
      s("svg", { class: "timeline", viewBox: `0 0 ${WIDTH} 46`, preserveAspectRatio: "none", role: "img", "aria-label": label }, s("rect", { class: "track", x: 0, y: 4, width: WIDTH, height: 38 }), ...spans, ...marks, ring),
      h("div", { class: "legend" }, h("span", { text: "0:00.0" }), ...["cut", "fade", "dissolve"].map((kind) => h("span", { class: `key ${kind}`, text: kind })), h("span", { text: format.clock(end) })),
    ];
  }

  #key(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined || event.target.closest("video, input")) return;
    const next = this.ids[this.ids.indexOf(this.id) + by];
    if (next) this.open(next, this.ids);
  }
}

function facts(title, values) {
  const told = Object.entries(values).filter(([name, value]) => value !== null || !name.endsWith("_error"));
  const rows = told.map(([name, value]) =>
    h("tr", {}, h("td", { text: name }), value === null ? h("td", { class: "none", text: "null" }) : h("td", { text: text(value) })),
  );
  return h("section", { "aria-label": title }, h("h3", { text: title }), h("table", { class: "facts" }, h("tbody", {}, ...rows)));
}

function text(value) {
  if (typeof value === "number") return format.value(value);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
