// The daemon's log, the newest line at the top.

import { byId, make, when } from "./page.js";

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
    const weight = { warning: "Warning: ", error: "Error: " }[level] ?? "";
    this.list.prepend(make("li", { data: { level } }, when(time, ""), make("span", {}, weight + text)));
    while (this.list.children.length > KEPT) this.list.lastElementChild.remove();
  }
}
