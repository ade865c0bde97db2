// A job's page: its lines, kept up to date with the spool, and what a person does with them.
import { ask, count, duration, element, listen } from "./server.js";
import { Lines } from "./lines.js";
import { Player } from "./player.js";
import { fileUrl } from "./urls.js";

const find = (selector) => document.querySelector(selector);
const job = decodeURIComponent(location.pathname.split("/")[2]);
const api = `/api/jobs/${encodeURIComponent(job)}`;
const player = new Player(find(".player audio"), find(".player output"), say);
const lines = new Lines(find(".lines"), job, player);
const edit = find("#edit");
let said = 0;

function say(text) {
  const message = find(".message");
  message.textContent = text;
  message.hidden = !text;
  clearTimeout(said);
  if (text) said = setTimeout(() => say(""), 8000);
}

const attempt = (work) => work().catch((error) => say(error.message));

// ---- what is shown -------------------------------------------------------------------------------------

function showHead(view) {
  document.title = `${view.title} · fishd review`;
  find("#title").textContent = view.title;
  const { segments, doubtful, failed, audio_s: audio } = view.totals;
  const parts = [count(segments, "line"), duration(audio)];
  if (doubtful) parts.push(`${doubtful.toLocaleString("en")} doubtful`);
  if (failed) parts.push(`${failed.toLocaleString("en")} failed`);
  if (view.revision) parts.push(`revision ${view.revision}`);
  const badge = element("strong", { className: "badge", textContent: view.status });
  badge.dataset.status = view.status;
  find("#outcome").replaceChildren(badge, " ", parts.join(", "));
  showList(".faults", view.errors.map((text) => element("li", { textContent: text, dir: "auto" })));
}

function showTracks(view) {
  showList(".tracks", view.tracks.map((track) => {
    const url = fileUrl(job, track.path, view.finished);
    const play = element("a", { className: "play", href: url });
    play.setAttribute("aria-label", `Play ${track.path}`);
    play.addEventListener("click", (event) => {
      event.preventDefault();
      player.load({ url, name: track.path });
    });
    const name = element("a", { href: `${url}&download`, textContent: track.path, download: "", dir: "auto" });
    const about = `${duration(track.duration_s)}, ${(track.size_bytes / 2 ** 20).toFixed(1)} MiB`;
    return element("li", {}, play, " ", name, " ", element("span", { className: "note", textContent: about }));
  }));
}

function showList(selector, items) {
  find(`${selector} ul`).replaceChildren(...items);
  find(selector).hidden = !items.length;
}

// One refresh at a time; what changes meanwhile is shown by the next one.
let refreshing = false;
let isStale = false;

async function refresh() {
  isStale = true;
  if (refreshing) return;
  refreshing = true;
  try {
    while (isStale) {
      isStale = false;
      show(await ask(api));
    }
  } catch (error) {
    gone(error);
  } finally {
    refreshing = false;
  }
}

function show(view) {
  find("#trouble").dataset.gone = "";
  showHead(view);
  showTracks(view);
  lines.show(view);
}

function gone(error) {
  const isGone = error.status === 404;
  if (isGone) find("#title").textContent = job;
  trouble(isGone ? `${job} is not in the outbox: it was removed, or is not finished.` : error.message, isGone);
}

function trouble(text, isGone = false) {
  const place = find("#trouble");
  if (place.dataset.gone && !isGone) return;
  place.dataset.gone = isGone ? "yes" : "";
  place.textContent = text;
  place.hidden = !text;
}

listen({
  status: (status) => trouble(status?.trouble ?? ""),
  job: (name) => { if (name === null || name === job) refresh(); },
});
refresh();

// ---- what is done --------------------------------------------------------------------------------------

const revise = (line, change = {}, pronounce = {}) => attempt(async () => {
  if (!line || line.state === "skipped") return;
  await ask(`${api}/revisions`, { lines: [{ speaker: line.speaker_name, id: line.id, ...change }], pronounce });
});

const approve = (chosen) => attempt(async () => {
  const spoken = chosen.filter((line) => line.clip);
  const withdraw = spoken.every((line) => line.approved);
  if (!spoken.length) return;
  await ask(`${api}/approvals`, {
    lines: spoken.map((line) => ({
      speaker: line.speaker_name, id: line.id, take: withdraw ? null : line.version,
    })),
  });
});

function openEdit(line) {
  if (!line || line.state === "skipped") return;
  const form = edit.querySelector("form");
  form.reset();
  form.elements.text.value = line.text;
  edit.onclose = () => {
    if (edit.returnValue !== "speak") return;
    const { text, term, spoken } = form.elements;
    const change = text.value !== line.text ? { text: text.value } : {};
    revise(line, change, term.value && spoken.value ? { [term.value]: spoken.value } : {});
  };
  edit.returnValue = "";
  edit.showModal();
}

edit.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) edit.querySelector("form").requestSubmit(edit.querySelector("[value=speak]"));
});

const actions = {
  play: (line) => player.toggle(line),
  compare: (line) => player.compare(line),
  retake: (line) => revise(line),
  edit: openEdit,
  approve: (line) => line && approve([line]),
};
const keys = {
  " ": () => actions.play(lines.selected ?? lines.move(1)),
  j: () => lines.move(1),
  k: () => lines.move(-1),
  a: () => actions.compare(lines.selected),
  r: () => actions.retake(lines.selected),
  e: () => actions.edit(lines.selected),
  y: () => actions.approve(lines.selected),
};

document.addEventListener("keydown", (event) => {
  const key = keys[event.key];
  const isTaken = event.target.closest("input:not([type=radio]):not([type=checkbox]), select, textarea, audio, dialog")
    || (event.key === " " && event.target.closest("button, input"));
  if (!key || isTaken || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  key();
});

lines.list.addEventListener("click", (event) => {
  const item = event.target.closest(".lines > li");
  if (!item) return;
  const line = lines.select(item);
  const button = event.target.closest("[data-do]");
  if (event.target.closest(".play")) event.preventDefault();
  if (button) actions[button.dataset.do](line);
  else if (event.target.closest("[data-take]")) revise(line, { take: Number(event.target.closest("[data-take]").dataset.take) });
  else if (event.target.closest(".play")) actions.play(line);
  else if (event.target.closest(".wave")) seek(line, event);
});

function seek(line, event) {
  const box = event.target.closest(".wave").getBoundingClientRect();
  player.play(line, (event.clientX - box.left) / box.width);
}

find(".filters").addEventListener("change", ({ currentTarget }) => lines.filter(currentTarget.elements));
find(".filters").addEventListener("submit", (event) => event.preventDefault());
find("#approve-all").addEventListener("click", () => approve(lines.shown()));
