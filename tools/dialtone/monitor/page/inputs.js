// The table of inputs: state, level meter with peak hold, clipping, SNR, clock error of each.

import { byId, figure, make, say } from "./page.js";

const LOWEST_DBFS = -60;
const HOLD_MS = 2000;
const FALL_DB = 6; // per level event, after the hold
const STALE_MS = 3000;

/** Where a level stands on a meter, as CSS writes it. */
export const place = (dbfs) => `${100 * Math.min(Math.max(1 - dbfs / LOWEST_DBFS, 0), 1)}%`;

const times = (count) => (count === 1 ? "once" : `${count} times`);

export class Inputs {
  /** chosen(name) is called when another input is to be looked at. */
  constructor(chosen) {
    this.body = byId("inputs").tBodies[0];
    this.rows = new Map();
    this.chosen = chosen;
    this.selected = null;
    setInterval(() => this.settle(), 1000);
  }

  /** A new connection. open: names of the inputs that are open now. */
  clear(open) {
    if (!open.includes(this.selected)) this.selected = null;
    this.rows.forEach(({ row }) => row.remove());
    this.rows.clear();
    this.note();
  }

  /** An "input" event. */
  opened({ input, device, rate, channels, state, note }) {
    const entry = this.entry(input);
    entry.state = state;
    const parts = [device && device !== input ? device : "", rate ? `${rate / 1000} kHz` : "", channels === 2 ? "stereo" : channels === 1 ? "mono" : ""];
    if (state === "open") say(entry.about, parts.filter(Boolean).join(", ") || "rate not known yet");
    else if (note) say(entry.about, note);
    if (state !== "open") this.quiet(entry);
    entry.row.classList.toggle("over", state === "ended");
    if (state === "ended") this.body.append(entry.row);
    this.badge(entry);
    const closed = this.rows.has(this.selected) && this.rows.get(this.selected).state !== "open";
    if (this.selected === null || (state === "open" && closed)) this.select(input);
    this.note();
  }

  /** A "level" event. */
  level({ input, peak_dbfs: peak, rms_dbfs: rms, clipped, overruns, waits_for: waits }) {
    const entry = this.entry(input);
    const now = performance.now();
    entry.heard = now;
    // Between two superframes it searches for a moment: that is no news.
    if (waits === "receiving") entry.receivesUntil = now + HOLD_MS;
    entry.waits = now < entry.receivesUntil ? "receiving" : waits;
    if (!(peak < entry.hold)) Object.assign(entry, { hold: peak, holdUntil: now + HOLD_MS });
    else if (now > entry.holdUntil) entry.hold = Math.max(peak, entry.hold - FALL_DB);
    entry.bars.peak.style.setProperty("--at", place(peak));
    entry.bars.rms.style.setProperty("--at", place(rms));
    entry.bars.hold.style.setProperty("--at", place(entry.hold));
    if (clipped > 0) entry.clippedUntil = now + HOLD_MS;
    const clipping = now < entry.clippedUntil;
    entry.meter.classList.toggle("clipping", clipping);
    entry.cells.clipped.classList.toggle("alarm", clipping);
    if (clipped > 0 || !clipping) say(entry.cells.clipped, figure(100 * clipped, "%", clipped > 0 && clipped < 0.1 ? 2 : 1));
    say(entry.cells.peak, figure(peak, "dBFS"));
    say(entry.cells.rms, figure(rms, "dBFS"));
    say(entry.cells.overruns, times(overruns));
    entry.cells.overruns.classList.toggle("alarm", overruns > 0);
    this.badge(entry);
  }

  /** A "superframe" event. */
  superframe({ input, snr_db: snr, clock_ppm: clock }) {
    const { cells } = this.entry(input);
    say(cells.snr, figure(snr, "dB"));
    say(cells.clock, figure(clock, "ppm"));
  }

  entry(name) {
    if (!this.rows.has(name)) this.rows.set(name, this.add(name));
    return this.rows.get(name);
  }

  add(name) {
    const radio = make("input", { type: "radio", name: "input", value: name, checked: name === this.selected });
    radio.addEventListener("change", () => this.select(name));
    const about = make("small");
    const badge = make("span", { className: "badge" });
    const bars = Object.fromEntries(["peak", "rms", "hold"].map((kind) => [kind, make("i", { className: kind })]));
    const meter = make("div", { className: "meter", aria: { hidden: "true" } }, ...Object.values(bars));
    const cells = {
      peak: make("b", {}, figure(null, "dBFS")), rms: make("b", {}, figure(null, "dBFS")), clipped: make("b", {}, figure(null, "%")),
      snr: make("td", { className: "number", data: { label: "SNR" } }, figure(null, "dB")),
      clock: make("td", { className: "number", data: { label: "Clock error" } }, figure(null, "ppm")),
      overruns: make("td", { className: "number", data: { label: "Overruns" } }, times(0)),
    };
    const levels = [["peak", cells.peak], ["RMS", cells.rms], ["clipped", cells.clipped]];
    const said = make("div", { className: "levels" }, ...levels.map(([name, value]) => make("span", {}, `${name} `, value)));
    const row = make(
      "tr",
      {},
      make("td", { className: "name" }, make("label", {}, radio, make("span", {}, name), about)),
      make("td", { className: "state" }, badge),
      make("td", { className: "level" }, meter, said),
      cells.snr, cells.clock, cells.overruns,
    );
    this.body.append(row);
    return { row, radio, about, badge, bars, meter, cells, state: "open", waits: null, hold: -Infinity, holdUntil: 0, clippedUntil: 0, receivesUntil: 0, heard: 0 };
  }

  badge(entry) {
    const [state, text] =
      entry.state === "lost" ? ["bad", "Lost"]
      : entry.state === "ended" ? ["", "Ended"]
      : entry.waits === "receiving" ? ["good", "Receiving"]
      : entry.waits === "aligning" ? ["active", "Signal found"]
      : ["active", "Listening"];
    entry.badge.dataset.state = state;
    say(entry.badge, text);
  }

  quiet(entry) {
    entry.waits = null;
    for (const bar of Object.values(entry.bars)) bar.style.setProperty("--at", "0%");
    entry.hold = -Infinity;
    for (const key of ["peak", "rms"]) say(entry.cells[key], figure(null, "dBFS"));
    say(entry.cells.clipped, figure(null, "%"));
    entry.cells.clipped.classList.remove("alarm");
    entry.meter.classList.remove("clipping");
  }

  /** Meters of inputs from which nothing comes any more fall to nothing. */
  settle() {
    const now = performance.now();
    for (const entry of this.rows.values()) {
      if (entry.heard && now - entry.heard > STALE_MS) {
        this.quiet(entry);
        entry.heard = 0;
      }
    }
  }

  select(name) {
    this.selected = name;
    for (const [each, { radio }] of this.rows) radio.checked = each === name;
    this.chosen(name);
  }

  note() {
    const open = [...this.rows.values()].filter(({ state }) => state === "open").length;
    byId("inputs-empty").hidden = this.rows.size > 0;
    byId("inputs").hidden = this.rows.size === 0;
    say(byId("inputs-note"), this.rows.size ? `${open} of ${this.rows.size} open` : "");
  }
}

