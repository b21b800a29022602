// A clip in a gallery: a picture that plays while the pointer or the focus is on it.

import { h } from "./dom.js";
import * as format from "./format.js";

/** `clip`: as the server tells of it; `column`: whose value is shown below it, or null; `open`: when it is clicked. */
export function clipView(clip, column, open) {
  const id = encodeURIComponent(clip.clip_id);
  const video = h("video", {
    src: `/media/${id}`,
    poster: `/posters/${id}`,
    preload: "none",
    loop: true,
    playsinline: true,
    disablepictureinpicture: true,
    tabindex: "-1",
    "aria-hidden": "true",
  });
  video.muted = true;
  const play = () => video.play().catch(() => {});
  const stop = () => {
    video.pause();
    if (video.readyState) video.load(); // shows the picture again, and lets go of what was read
  };
  const where = `${format.baseName(clip.source)} ${format.clock(clip.start_s)}`;
  const shown = column && column in clip.values ? format.value(clip.values[column]) : null;
  const why = clip.dropped_by.length ? `dropped by ${clip.dropped_by.join("; ")}` : "kept";
  return h(
    "button",
    {
      type: "button",
      class: "clip",
      "data-clip": clip.clip_id,
      "aria-label": `${where}, ${shown === null ? "" : `${column} ${shown}, `}${why}`,
      title: why,
      onpointerenter: play,
      onpointerleave: stop,
      onfocus: play,
      onblur: stop,
      onclick: () => open(clip.clip_id),
    },
    h("span", { class: "frame" }, video, h("span", { class: "length", text: format.length(clip.end_s - clip.start_s) })),
    h(
      "span",
      { class: "caption" },
      shown !== null && h("span", { class: "value-shown", text: shown }),
      h("span", { class: "where", text: where }),
    ),
  );
}

/** A heading and clips below it. `fate`: kept or dropped, for the colour. */
export function strip({ title, note, fate, clips, column, open, empty, tools = [] }) {
  const head = h(
    "div",
    { class: "strip-head" },
    h("h3", {}, fate && h("span", { class: `mark ${fate}` }), title),
    note && h("p", { text: note }),
    h("span", { class: "grow" }),
    ...tools,
  );
  const body = clips.length
    ? h("div", { class: "grid" }, ...clips.map((clip) => clipView(clip, column, open)))
    : h("p", { class: "empty", text: empty });
  return h("section", { class: `strip ${fate ?? ""}`, "aria-label": title }, head, body);
}
