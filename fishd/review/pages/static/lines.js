// The list of lines: made in parts, so that 20,000 do not keep the first from being seen; changed one by one.
import { ask, element } from "./server.js";
import { fileUrl } from "./urls.js";
import { drawWave, playedPart } from "./wave.js";

const FIRST = 40;  // made at once
const PART = 1000;  // made between two frames
const MAX_PEAKS = 64;  // asked for at once
const RANK = { failed: 0, doubtful: 1, done: 2, skipped: 3 };

const keyOf = (line) => `${line.speaker_name}\n${line.id}`;
const isOpen = (line) => line.clip && !line.approved;
const isInFilter = (line, { show, speaker }) =>
  (show === "open" ? isOpen(line) : !show || line.state === show) && (!speaker || line.speaker_name === speaker);

export class Lines {
  constructor(list, job, player) {
    this.list = list;
    this.job = job;
    this.player = player;
    this.template = document.querySelector("#line").content.firstElementChild;
    this.lines = [];
    this.items = new Map();  // by key: the line and its element
    this.byItem = new WeakMap();
    this.pending = new Map();  // by key: what is said of its request
    this.chosen = { show: "", speaker: "" };
    this.isFirst = false;
    this.selectedKey = null;
    this.waves = new Set();
    this.seen = new IntersectionObserver((entries) => this.drawSeen(entries), { rootMargin: "200px" });
    player.onstate = () => this.mark();
    player.onprogress = (line, part) => playedPart(this.items.get(keyOf(line))?.item, part);
  }

  get selected() {
    return this.items.get(this.selectedKey)?.line ?? null;
  }

  shown() {
    return this.lines.filter((line) => isInFilter(line, this.chosen));
  }

  // ---- from the server ---------------------------------------------------------------------------------

  show(view) {
    const was = this.pending;
    this.pending = requested(view.requests);
    const isNew = !this.lines.length || view.lines.length !== this.lines.length;
    this.lines = view.lines.map((line) => this.complete(line, view));
    if (isNew) this.rebuild();
    else for (const line of this.lines) this.update(line, was);
    this.showSpeakers(view.speakers);
    this.showCounts();
  }

  complete(line, view) {
    const references = view.speakers[line.speaker]?.references ?? [];  // a skipped line has no speaker
    return {
      faults: [], notes: [], takes: [], ...line,
      url: line.clip ? fileUrl(this.job, line.clip, line.version) : "",
      reference: references.length ? fileUrl(this.job, references[0], "") : "",
    };
  }

  rebuild() {
    this.items.clear();
    this.list.replaceChildren();
    this.seen.disconnect();
    const ordered = this.isFirst
      ? [...this.lines].sort((one, other) => RANK[one.state] - RANK[other.state]) : this.lines;
    const make = (from, size) => {
      if (ordered !== this.ordered) return;
      this.list.append(...ordered.slice(from, from + size).map((line) => this.make(line)));
      if (from + size < ordered.length) setTimeout(make, 0, from + size, PART);
    };
    this.ordered = ordered;
    make(0, FIRST);
  }

  make(line) {
    const item = this.template.cloneNode(true);
    this.items.set(keyOf(line), { line, item });
    this.byItem.set(item, line);
    this.fill(item, line);
    this.seen.observe(item);
    return item;
  }

  update(line, was) {
    const key = keyOf(line);
    const known = this.items.get(key);
    if (!known) return;
    const isSpoken = known.line.version !== line.version;
    const isSame = JSON.stringify(known.line) === JSON.stringify(line) && was.get(key) === this.pending.get(key);
    if (isSame) return;
    this.items.set(key, { line, item: known.item });
    this.byItem.set(known.item, line);
    this.fill(known.item, line);
    if (!isSpoken) return;
    known.item.classList.add("new");
    this.unseen(known.item);
    if (key === this.selectedKey && !this.player.isPlaying) this.player.play(line);
  }

  // Shows which line, or whose reference, is heard.
  mark() {
    for (const item of this.list.querySelectorAll(".playing, .comparing")) item.classList.remove("playing", "comparing");
    const { line, isReference, isPlaying } = this.player;
    const heard = line && isPlaying && this.items.get(keyOf(line))?.item;
    if (heard) heard.classList.add(isReference ? "comparing" : "playing");
  }

  // ---- one line ----------------------------------------------------------------------------------------

  fill(item, line) {
    const find = (selector) => item.querySelector(selector);
    item.dataset.state = line.state;
    item.hidden = !isInFilter(line, this.chosen);
    const play = find(".play");
    play.hidden = !line.clip;
    play.href = line.url || "#";
    play.setAttribute("aria-label", `Play ${line.who} ${line.label}`);
    find(".at").textContent = line.at;
    find(".who").textContent = line.who;
    find(".text").textContent = line.text;
    find(".text").lang = line.language ?? "";
    find(".spoken").hidden = !line.spoken;
    find(".spoken span").textContent = line.spoken ?? "";
    find(".id").textContent = line.label;
    find(".length").textContent = line.length;
    find(".length").append(...line.notes.map((text) => element("small", { textContent: text })));
    for (const fault of item.querySelectorAll(".fault")) fault.remove();
    find(".spoken").after(...line.faults.map((text) => element("p", { className: "fault", textContent: text, dir: "auto" })));
    find(".wave").toggleAttribute("hidden", !line.clip);
    this.fillActions(item, line);
  }

  fillActions(item, line) {
    const find = (selector) => item.querySelector(selector);
    find(".actions").hidden = line.state === "skipped";
    find("[data-do=compare]").hidden = !line.reference;
    const approve = find("[data-do=approve]");
    approve.hidden = !line.clip;
    approve.setAttribute("aria-pressed", Boolean(line.approved));
    approve.textContent = line.approved ? "Approved" : "Approve";
    find(".takes").replaceChildren(...(line.takes.length > 1 ? line.takes.map((take) => takeButton(take, line)) : []));
    const pending = this.pending.get(keyOf(line)) ?? (line.refused ? `unchanged: ${line.refused}` : "");
    find(".state").textContent = pending;
    item.classList.toggle("pending", pending === SPEAKING);
  }

  unseen(item) {
    this.seen.unobserve(item);
    this.seen.observe(item);
  }

  // ---- waveforms ---------------------------------------------------------------------------------------

  drawSeen(entries) {
    for (const { target, isIntersecting } of entries) if (isIntersecting) this.waves.add(target);
    if (this.waves.size && !this.isDrawing) this.draw();
  }

  async draw() {
    this.isDrawing = true;
    try {
      while (this.waves.size) {
        const items = [...this.waves].slice(0, MAX_PEAKS);
        for (const item of items) this.waves.delete(item);
        const wanted = items.map((item) => [item, this.byItem.get(item)]).filter(([, line]) => line?.clip);
        if (!wanted.length) continue;
        const peaks = await ask(`/api/jobs/${encodeURIComponent(this.job)}/peaks`, { clips: wanted.map(([, line]) => line.clip) });
        for (const [item, line] of wanted) if (peaks[line.clip]) drawWave(item, peaks[line.clip]);
      }
    } catch {
      this.waves.clear();  // the page says already that the server or the job is gone
    } finally {
      this.isDrawing = false;
    }
  }

  // ---- selection and filters ---------------------------------------------------------------------------

  select(item) {
    const line = this.byItem.get(item);
    this.items.get(this.selectedKey)?.item.removeAttribute("aria-current");
    this.selectedKey = keyOf(line);
    item.setAttribute("aria-current", "true");
    return line;
  }

  move(step) {
    const items = [...this.list.children].filter((item) => !item.hidden);
    const at = items.indexOf(this.items.get(this.selectedKey)?.item);
    const item = items[at < 0 ? 0 : Math.min(Math.max(at + step, 0), items.length - 1)];
    if (!item) return null;
    const line = this.select(item);
    item.tabIndex = -1;
    item.focus({ preventScroll: true });  // so that no filter that was clicked takes the keys
    item.scrollIntoView({ block: "nearest" });
    if (this.player.isPlaying) this.player.play(line);
    return line;
  }

  filter({ show, speaker, first }) {
    this.chosen = { show: show.value, speaker: speaker.value };
    if (this.isFirst !== first.checked) {
      this.isFirst = first.checked;
      this.rebuild();
    }
    for (const { line, item } of this.items.values()) item.hidden = !isInFilter(line, this.chosen);
  }

  showSpeakers(speakers) {
    const select = document.querySelector(".filters select");
    if (select.options.length === speakers.length + 1) return;
    select.replaceChildren(
      element("option", { value: "", textContent: "all" }),
      ...speakers.map(({ name }) => element("option", { value: name, textContent: name })),
    );
    select.closest("label").hidden = speakers.length < 2;
  }

  showCounts() {
    for (const place of document.querySelectorAll("[data-count]")) {
      const show = place.dataset.count;
      place.textContent = this.lines.filter((line) => isInFilter(line, { show, speaker: "" })).length.toLocaleString("en");
    }
  }
}

const SPEAKING = "speaking…";

function requested(requests) {
  const found = new Map();
  for (const { lines, faults } of requests) {
    for (const line of lines) found.set(`${line.speaker}\n${line.id}`, faults ? `refused: ${faults.join("; ")}` : SPEAKING);
  }
  return found;
}

function takeButton({ take, faults = [] }, line) {
  const button = element("button", { type: "button", textContent: `take ${take}` });
  button.dataset.take = take;
  button.title = faults.join("; ") || "no faults were found";
  button.setAttribute("aria-pressed", take === line.take);
  button.disabled = take === line.take;
  return button;
}
