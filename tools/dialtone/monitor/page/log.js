// The daemon's log, the newest line at the top.

import { byId, make, timeOfDay, utc } from "./page.js";

const KEPT = 200;

export class Log {
  constructor() {
    this.list = byId("log-list");
  }

  clear() {
    this.list.replaceChildren();
  }

  /** A "log" event. */
  add({ time, level, text }) {
    const when = make("time", { dateTime: new Date(time * 1000).toISOString(), title: utc(time) }, timeOfDay(time));
    const weight = { warning: "Warning: ", error: "Error: " }[level] ?? "";
    this.list.prepend(make("li", { data: { level } }, when, make("span", {}, weight + text)));
    while (this.list.children.length > KEPT) this.list.lastElementChild.remove();
  }
}
