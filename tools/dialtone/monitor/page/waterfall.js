// The waterfall: level over frequency (across) and time (down, the newest at the top).

import { colour, isDark, scale } from "./colours.js";
import { empty, frame, frequencyAxis, inside, paint, verticalAxis } from "./plot.js";
import { onFrame } from "./page.js";

const ROWS = 300;
const ROW_MS = 100;
const SPAN_DB = 70;
const FLOOR_STEP_DB = 10;
const FLOOR_PATIENCE = 20; // lines for which the floor has to be wrong before it moves
const QUIET = -128;

export class Waterfall {
  constructor(canvas) {
    this.canvas = canvas;
    this.band = null; // [low, high] in Hz that is shown; null: all
    this.draw = onFrame(() => this.paint());
    this.clear();
    this.recolour();
  }

  clear() {
    this.bins = 0;
    this.range = null;
    this.floor = -120;
    this.misfit = 0;
    this.slot = 0;
    this.draw();
  }

  recolour() {
    this.table = scale(isDark());
    this.fresh = ROWS;
    this.draw();
  }

  /** A line of levels [dBFS] from low to high [Hz], heard now. */
  add({ low_hz: low, high_hz: high, dbfs }) {
    if (dbfs.length !== this.bins || low !== this.range[0] || high !== this.range[1]) {
      this.bins = dbfs.length;
      this.range = [low, high];
      this.rows = new Int8Array(ROWS * this.bins).fill(QUIET); // a ring; `slot` counts its lines
      this.picture = new OffscreenCanvas(this.bins, ROWS);
      this.slot = Math.floor(performance.now() / ROW_MS);
      this.floor = this.floorOf(dbfs);
      this.fresh = ROWS;
    }
    const now = Math.floor(performance.now() / ROW_MS);
    const passed = Math.min(now - this.slot, ROWS);
    // A short wait repeats the last line, a long one stays empty.
    const before = passed < 6 ? this.row(this.slot).slice() : null;
    for (let back = passed - 1; back >= 0; back--) {
      const row = this.row(now - back);
      if (before) row.set(before);
      else row.fill(QUIET);
    }
    const row = this.row(now);
    if (passed > 0) row.fill(QUIET);
    dbfs.forEach((level, bin) => (row[bin] = Math.max(row[bin], Math.max(level, QUIET + 1))));
    this.slot = now;
    this.fresh = Math.min(this.fresh + Math.max(passed, 1), ROWS);
    this.settle(dbfs);
    this.draw();
  }

  row(slot) {
    const at = (((slot % ROWS) + ROWS) % ROWS) * this.bins;
    return this.rows.subarray(at, at + this.bins);
  }

  /** The lower end of the scale: below most of the noise, in round steps. */
  floorOf(dbfs) {
    const low = [...dbfs].sort((a, b) => a - b)[Math.floor(dbfs.length * 0.2)];
    return Math.min(Math.max(Math.floor((low - 4) / FLOOR_STEP_DB) * FLOOR_STEP_DB, -120), -70);
  }

  settle(dbfs) {
    const wanted = this.floorOf(dbfs);
    this.misfit = wanted === this.floor ? 0 : this.misfit + 1;
    if (this.misfit > FLOOR_PATIENCE) {
      this.floor = wanted;
      this.misfit = 0;
      this.fresh = ROWS;
    }
  }

  /** Bring the picture up to date: moved down, with the new lines at the top. */
  render() {
    const context = this.picture.getContext("2d");
    const lines = this.fresh;
    if (!lines) return;
    if (lines < ROWS) {
      context.globalCompositeOperation = "copy";
      context.drawImage(this.picture, 0, lines);
    }
    const image = context.createImageData(this.bins, lines);
    const words = new Uint32Array(image.data.buffer);
    const colours = new Uint32Array(this.table.buffer);
    for (let line = 0; line < lines; line++) {
      const row = this.row(this.slot - line);
      for (let bin = 0; bin < this.bins; bin++) {
        if (row[bin] === QUIET) continue; // nothing was heard then: the ground shows
        const at = ((row[bin] - this.floor) / SPAN_DB) * 255;
        words[line * this.bins + bin] = colours[Math.min(Math.max(Math.round(at), 0), 255)];
      }
    }
    context.putImageData(image, 0, 0);
    this.fresh = 0;
  }

  paint() {
    paint(this.canvas, (context, width, height) => {
      const box = inside(width, height);
      const [low, high] = this.band ?? this.range ?? [0, 24000];
      context.fillStyle = colour("sunk");
      context.fillRect(box.x, box.y, box.w, box.h);
      if (this.bins) {
        this.render();
        const per = this.bins / (this.range[1] - this.range[0]);
        const from = (low - this.range[0]) * per;
        context.imageSmoothingEnabled = true;
        context.drawImage(this.picture, from, 0, (high - low) * per, ROWS, box.x, box.y, box.w, box.h);
      } else empty(context, box, "no sound yet");
      frame(context, box);
      const seconds = (ROWS * ROW_MS) / 1000;
      const places = [0, 10, 20, 30].map((ago) => [seconds - ago, ago ? `${ago} s` : "now"]);
      verticalAxis(context, box, places, 0, seconds, false);
      frequencyAxis(context, box, low, high);
      this.legend(context, box);
    });
  }

  legend(context, box) {
    const x = box.x + box.w + 10;
    const colours = context.createLinearGradient(0, box.y + box.h, 0, box.y);
    for (let stop = 0; stop <= 16; stop++) {
      const [r, g, b] = this.table.subarray(4 * Math.round((stop / 16) * 255));
      colours.addColorStop(stop / 16, `rgb(${r} ${g} ${b})`);
    }
    context.fillStyle = colours;
    context.fillRect(x, box.y, 9, box.h - 14);
    context.strokeStyle = colour("line");
    context.strokeRect(x - 0.5, box.y - 0.5, 10, box.h - 13);
    context.fillStyle = colour("soft");
    context.textAlign = "left";
    context.textBaseline = "middle";
    const by = box.h < 200 ? 20 : 10;
    for (let level = 0; level <= SPAN_DB; level += by) {
      const y = box.y + (box.h - 14) * (1 - level / SPAN_DB);
      const text = String(this.floor + level).replace("-", "−");
      context.fillText(text, x + 14, Math.min(Math.max(y, box.y + 5), box.y + box.h - 18));
    }
    context.fillText("dBFS", x, box.y + box.h - 3);
  }
}
