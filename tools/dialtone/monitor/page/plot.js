// What the plots share: a canvas that is sharp on every screen, and axes.

import { colour } from "./colours.js";

export const LEFT = 52; // room for the figures of the vertical axis [CSS pixels]
export const RIGHT = 58; // room for the legend
export const BOTTOM = 32;
const TOP = 6;

/** Draw on a canvas of its size on the screen. draw(context, width, height) in CSS pixels. */
export function paint(canvas, draw) {
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  if (!width || !height) return;
  const ratio = window.devicePixelRatio || 1;
  const wide = Math.round(width * ratio);
  const high = Math.round(height * ratio);
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = `11.5px ${getComputedStyle(document.body).fontFamily}`;
  draw(context, width, height);
}

/** The part of a plot inside its axes. */
export const inside = (width, height) => ({ x: LEFT, y: TOP, w: width - LEFT - RIGHT, h: height - TOP - BOTTOM });

/** Steps of 1, 2 or 5 times a power of ten, at most so many over a span. */
export function step(span, most) {
  const raw = span / Math.max(most, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.9999);
}

/** The frequency axis below a plot: figures in kHz. */
export function frequencyAxis(context, box, low, high) {
  const by = step((high - low) / 1000, box.w / 60);
  const digits = by < 1 ? (by < 0.1 ? 2 : 1) : 0;
  context.fillStyle = colour("soft");
  context.strokeStyle = colour("edge");
  context.lineWidth = 1;
  context.textBaseline = "top";
  for (let at = Math.ceil(low / 1000 / by - 1e-9); at * by * 1000 <= high + 1e-6; at++) {
    const x = box.x + ((at * by * 1000 - low) / (high - low)) * box.w;
    line(context, x, box.y + box.h, x, box.y + box.h + 4);
    context.textAlign = "center";
    context.fillText((at * by).toFixed(digits), x, box.y + box.h + 7);
  }
  context.textAlign = "left";
  context.fillText("kHz", box.x + box.w + 12, box.y + box.h + 7);
}

/** The vertical axis: figures at [value, label] places. */
export function verticalAxis(context, box, places, low, high, grid) {
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const [value, label] of places) {
    const y = box.y + box.h - ((value - low) / (high - low)) * box.h;
    context.strokeStyle = colour(grid ? "line" : "edge");
    context.lineWidth = 1;
    if (grid) line(context, box.x, y, box.x + box.w, y);
    else line(context, box.x - 4, y, box.x, y);
    context.fillStyle = colour("soft");
    context.fillText(label, box.x - 7, Math.min(Math.max(y, box.y + 5), box.y + box.h - 4));
  }
}

export function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(Math.round(x0) + 0.5, Math.round(y0) + 0.5);
  context.lineTo(Math.round(x1) + 0.5, Math.round(y1) + 0.5);
  context.stroke();
}

export function frame(context, box) {
  context.strokeStyle = colour("line");
  context.lineWidth = 1;
  context.strokeRect(box.x - 0.5, box.y - 0.5, box.w + 1, box.h + 1);
}

/** What an empty plot says. */
export function empty(context, box, text) {
  context.fillStyle = colour("soft");
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, box.x + box.w / 2, box.y + box.h / 2);
}
