// The received symbols of the last superframe in the complex plane.

import { colour } from "./colours.js";
import { empty, line, paint } from "./plot.js";
import { onFrame } from "./page.js";

const EDGE = 1.6; // of the plane; the symbols have a mean power of 1

export class Constellation {
  constructor(canvas) {
    this.canvas = canvas;
    this.draw = onFrame(() => this.paint());
    this.clear();
  }

  clear() {
    this.points = [];
    this.draw();
  }

  /** A superframe. */
  add(event) {
    if (event.constellation?.length) this.points = event.constellation;
    this.draw();
  }

  paint() {
    paint(this.canvas, (context, width, height) => {
      const box = { x: 0, y: 0, w: width, h: height };
      context.fillStyle = colour("sunk");
      context.fillRect(0, 0, width, height);
      context.strokeStyle = colour("line");
      context.lineWidth = 1;
      const x = (at) => ((at + EDGE) / (2 * EDGE)) * width;
      const y = (at) => ((EDGE - at) / (2 * EDGE)) * height;
      for (const at of [-1, 0, 1]) {
        line(context, x(at), 0, x(at), height);
        line(context, 0, y(at), width, y(at));
      }
      context.strokeRect(0.5, 0.5, width - 1, height - 1);
      if (!this.points.length) {
        context.fillStyle = colour("sunk");
        context.fillRect(width / 2 - 45, height / 2 - 10, 90, 20);
        empty(context, box, "no signal yet");
        return;
      }
      context.fillStyle = colour("accent");
      context.globalAlpha = this.points.length > 600 ? 0.55 : 0.75;
      for (const [re, im] of this.points) {
        context.beginPath();
        context.arc(x(re), y(im), 1.5, 0, 7);
        context.fill();
      }
      context.globalAlpha = 1;
    });
  }
}
