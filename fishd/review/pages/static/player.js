// One player for every clip: a line's own, or its speaker's reference to compare it with.
export class Player {
  constructor(audio, output, say) {
    this.audio = audio;
    this.output = output;
    this.line = null;
    this.isReference = false;
    this.onprogress = () => {};
    this.onstate = () => {};
    audio.addEventListener("error", () => this.failed(say));
    audio.addEventListener("timeupdate", () => this.progress());
    audio.addEventListener("ended", () => this.progress());
    for (const event of ["play", "pause", "ended"]) audio.addEventListener(event, () => this.onstate());
  }

  get isPlaying() {
    return !this.audio.paused && !this.audio.ended;
  }

  // Plays it from a part of its length.
  play(line, part = 0) {
    if (!line?.clip) return;
    this.isReference = false;
    this.line = line;
    this.hear({ url: line.url, name: `${line.who} ${line.label}` }, part * line.duration_s);
  }

  toggle(line) {
    if (!line?.clip) return;
    if (this.line !== line || this.isReference || this.isOther(line.url)) this.play(line);
    else if (this.isPlaying) this.audio.pause();
    else this.start();
  }

  // The reference, or the line again if that is heard already.
  compare(line) {
    if (!line?.reference) return;
    if (this.isReference && this.line === line) return this.play(line);
    this.isReference = true;
    this.line = line;
    this.hear({ url: line.reference, name: `the reference of ${line.who}` });
  }

  // A track, which is no line's.
  load(file) {
    this.line = null;
    this.hear(file);
  }

  hear({ url, name }, at = 0) {
    this.onstate();
    this.output.textContent = name;
    if (this.isOther(url)) this.audio.src = url;
    this.audio.currentTime = at;
    this.start();
  }

  start() {
    this.audio.play().catch(() => {});  // a fault is reported by the event "error"
  }

  isOther(url) {
    return this.audio.getAttribute("src") !== url;
  }

  progress() {
    if (this.line && !this.isReference) this.onprogress(this.line, this.audio.currentTime / (this.audio.duration || 1));
  }

  async failed(say) {
    const url = this.audio.getAttribute("src");
    const response = await fetch(url, { headers: { range: "bytes=0-0" } }).catch(() => null);
    const isGone = response?.status === 404;
    say(isGone ? `${this.output.textContent} is no longer there: its job was removed or changed.`
      : `${this.output.textContent} cannot be played.`);
  }
}
