// SNR of each carrier over frequency, on the same frequency axis as the waterfall above it.

import { colour } from "./colours.js";
import { empty, frame, frequencyAxis, inside, line, paint, step, verticalAxis } from "./plot.js";
import { figure, known, onFrame } from "./page.js";

const LEAST_DB = 40; // height of the plot

export class Carriers {
  constructor(canvas) {
    this.canvas = canvas;
    this.draw = onFrame(() => this.paint());
    this.band = [0, 24000];
    this.clear();
  }

  clear() {
    this.event = null;
    this.top = LEAST_DB;
    this.draw();
  }

  /** A superframe. */
  add(event) {
    this.event = event;
    const highest = Math.max(0, ...event.carrier_snr_db.filter(known));
    // The scale grows for as long as the page is open, and never shrinks: it would jump.
    this.top = Math.max(this.top, Math.ceil((highest + 2) / 10) * 10);
    this.draw();
  }

  paint() {
    paint(this.canvas, (context, width, height) => {
      const box = inside(width, height);
      const [low, high] = this.band;
      context.fillStyle = colour("sunk");
      context.fillRect(box.x, box.y, box.w, box.h);
      const by = step(this.top, 4);
      const places = Array.from({ length: Math.floor(this.top / by) + 1 }, (_, at) => [at * by, `${at * by} dB`]);
      verticalAxis(context, box, places, 0, this.top, true);
      if (this.event) this.curve(context, box, low, high);
      else empty(context, box, "no signal yet");
      frame(context, box);
      frequencyAxis(context, box, low, high);
    });
  }

  curve(context, box, low, high) {
    const { carrier_hz: hz, carrier_snr_db: snr, snr_db: mean } = this.event;
    const x = (at) => box.x + ((at - low) / (high - low)) * box.w;
    const y = (at) => box.y + box.h - (Math.min(Math.max(at, 0), this.top) / this.top) * box.h;
    context.save();
    context.beginPath();
    context.rect(box.x, box.y, box.w, box.h);
    context.clip();
    context.fillStyle = colour("accent");
    context.globalAlpha = 0.25;
    for (const run of runs(hz, snr)) {
      context.beginPath();
      context.moveTo(x(run[0][0]), y(0));
      run.forEach(([at, level]) => context.lineTo(x(at), y(level)));
      context.lineTo(x(run.at(-1)[0]), y(0));
      context.fill();
    }
    context.globalAlpha = 1;
    context.strokeStyle = colour("accent");
    context.lineWidth = 1.5;
    for (const run of runs(hz, snr)) {
      context.beginPath();
      run.forEach(([at, level]) => context.lineTo(x(at), y(level)));
      context.stroke();
    }
    context.restore();
    if (known(mean)) {
      context.strokeStyle = colour("text");
      context.setLineDash([4, 4]);
      line(context, box.x, y(mean), box.x + box.w, y(mean));
      context.setLineDash([]);
      context.fillStyle = colour("text");
      context.textAlign = "left";
      context.textBaseline = "middle";
      const at = Math.min(Math.max(y(mean), box.y + 6), box.y + box.h - 6);
      context.fillText(figure(mean, "dB"), box.x + box.w + 8, at);
    }
  }
}

/** The curve in pieces, broken where carriers hold no data: lists of [Hz, dB]. */
function runs(hz, snr) {
  const pieces = [[]];
  hz.forEach((at, number) => {
    if (known(snr[number])) pieces.at(-1).push([at, snr[number]]);
    else if (pieces.at(-1).length) pieces.push([]);
  });
  return pieces.filter((piece) => piece.length);
}
