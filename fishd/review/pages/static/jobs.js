// The list of jobs: those in work with their progress, those that are finished, and new ones from the browser.
import { ask, count, duration, element, listen } from "./server.js";

const find = (selector) => document.querySelector(selector);
const link = (job, title) => element("a", { href: `/jobs/${encodeURIComponent(job)}`, textContent: title, dir: "auto" });
const number = (value) => element("td", { textContent: value ? value.toLocaleString("en") : "", className: "number" });

function row({ job, title, status, finished, totals }) {
  const badge = element("strong", { className: "badge", textContent: status });
  badge.dataset.status = status;
  const name = element("th", { scope: "row" }, link(job, title || job));
  if (title && title !== job) name.append(" ", element("small", { textContent: job, dir: "auto" }));
  return element(
    "tr", {}, name, element("td", {}, badge), number(totals.segments), number(totals.doubtful),
    number(totals.failed), element("td", { textContent: duration(totals.audio_s) }),
    element("td", { textContent: new Date(finished).toLocaleString() }),
  );
}

async function showFinished() {
  const { jobs } = await ask("/api/jobs");
  find(".jobs tbody").replaceChildren(...jobs.map(row));
  find(".jobs").hidden = !jobs.length;
  find("#none").hidden = Boolean(jobs.length);
}

function progress(job) {
  const bar = element("progress", { max: job.total || 1, value: job.done + job.failed });
  bar.setAttribute("aria-label", job.title || job.name);
  const left = job.eta_s === null || job.eta_s === undefined ? "" : `, ${duration(job.eta_s)} left`;
  const about = `${job.state}: ${job.done.toLocaleString("en")} of ${count(job.total, "line")}${left}`;
  return element(
    "li", {}, element("b", { textContent: job.title || job.name, dir: "auto" }), " ", bar, " ",
    element("span", { className: "note", textContent: about }),
  );
}

function showLive(status) {
  if (!status) return;
  find("#trouble").textContent = status.trouble;
  find("#trouble").hidden = !status.trouble;
  find(".live").replaceChildren(...status.jobs.map(progress));
  find("#waiting").textContent = `${count(status.waiting, "bundle")} in the inbox`;
  find("#waiting").hidden = !status.waiting;
  find(".live").closest("section").hidden = !(status.jobs.length || status.waiting);
}

function upload(file) {
  const bar = element("progress", { max: 1, value: 0 });
  const about = element("span", { className: "note" });
  find(".uploads").append(element("li", {}, element("b", { textContent: file.name, dir: "auto" }), " ", bar, " ", about));
  const request = new XMLHttpRequest();
  request.open("POST", `/api/jobs?name=${encodeURIComponent(file.name)}`);
  request.responseType = "json";
  request.upload.addEventListener("progress", ({ loaded, total }) => { bar.value = total ? loaded / total : 0; });
  request.addEventListener("loadend", () => {
    const { job, error } = request.response ?? {};
    bar.remove();
    about.textContent = request.status === 201 ? `is in the inbox as ${job}` : error ?? "was not received; drop it again";
    about.className = request.status === 201 ? "note" : "fault";
  });
  request.send(file);
}

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dropping");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  for (const file of event.dataTransfer.files) upload(file);
});
find("input[type=file]").addEventListener("change", ({ target }) => {
  for (const file of target.files) upload(file);
  target.value = "";
});

let showing = Promise.resolve();
listen({ status: showLive, job: () => { showing = showing.then(showFinished).catch(() => {}); } });
showing = showing.then(showFinished);
