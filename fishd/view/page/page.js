// One player for every clip, its keys, and the filter by speaker. Without scripts each clip plays in a frame.
"use strict";

const player = document.querySelector(".player audio");
const title = document.querySelector(".player output");
const playOn = document.querySelector(".player input");
const list = document.querySelector(".lines");
const filters = document.querySelector(".filters");
let current = null;

const isShown = (line) => {
  const show = filters.show.value, state = line.dataset.state;
  return !line.hidden && (show === "faults" ? line.querySelector(".fault") : show ? state === show : state !== "skipped");
};

// The line itself if it is shown, else the first one on that side.
const shown = (line, side) => {
  while (line && !isShown(line)) line = line[side];
  return line;
};

const play = (link) => {
  player.src = link.href;
  title.textContent = link.getAttribute("aria-label").replace(/^Play /, "");
  player.play().catch((error) => {
    if (error.name !== "AbortError") title.textContent += " cannot be played: " + error.message;
  });
};

const linkOf = (line) => line?.querySelector(".play");

// Make this the current line; it is played if another one is playing.
const select = (line) => {
  if (!line) return;
  const isPlaying = !player.paused || player.ended && playOn.checked;
  current?.removeAttribute("aria-current");
  current = line;
  line.setAttribute("aria-current", "true");
  line.tabIndex = -1;
  line.focus({ preventScroll: true });
  line.scrollIntoView({ block: "nearest" });
  player.pause();
  if (isPlaying && linkOf(line)) play(linkOf(line));
};

const toggle = () => {
  if (!current) next();
  const link = linkOf(current);
  if (!link) return;
  if (player.src !== link.href) play(link);
  else if (player.paused) player.play();
  else player.pause();
};

const compare = () => {
  const who = current?.querySelector("a.who");
  const reference = who && document.querySelector(who.getAttribute("href") + " .references .play");
  if (reference && player.src !== reference.href) play(reference);
  else if (linkOf(current)) play(linkOf(current));
};

const next = () => select(shown(current ? current.nextElementSibling : list.firstElementChild, "nextElementSibling"));
const previous = () => select(shown(current?.previousElementSibling, "previousElementSibling"));
const keys = { " ": toggle, j: next, k: previous, a: compare };

document.addEventListener("click", (event) => {
  const link = event.target.closest(".play");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const line = link.closest(".lines > li");
  if (line) select(line);
  play(link);
});

document.addEventListener("keydown", (event) => {
  const key = keys[event.key];
  if (!key || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, audio, button")) return;
  event.preventDefault();
  key();
});

player.addEventListener("ended", () => {
  if (!playOn.checked || player.src !== linkOf(current)?.href) return;
  let line = current;
  do line = shown(line.nextElementSibling, "nextElementSibling"); while (line && !linkOf(line));
  select(line);
});

filters.addEventListener("change", () => {
  const speaker = filters.speaker?.value;
  for (const line of list.children) line.hidden = Boolean(speaker) && line.dataset.speaker !== speaker;
});

filters.addEventListener("submit", (event) => event.preventDefault());
for (const element of document.querySelectorAll(".player > div, .filters [hidden]")) element.hidden = false;
