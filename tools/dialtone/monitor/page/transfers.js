// The list of transfers: state and progress of each, the one that moved last at the top.

import { byId, duration, figure, known, make, say, size } from "./page.js";

const KEPT = 100;
const QUIET_MS = 15000; // without a packet, after which the daemon, too, says that it is incomplete
const STATES = {
  arriving: ["active", "Arriving"],
  quiet: ["waiting", "Incomplete"],
  locked: ["waiting", "Locked"],
  complete: ["good", "Complete"],
  refused: ["bad", "Refused"],
};

export class Transfers {
  constructor() {
    this.list = byId("transfer-list");
    this.rows = new Map();
    setInterval(() => this.tick(), 1000);
  }

  clear() {
    this.list.replaceChildren();
    this.rows.clear();
    this.note();
  }

  /** A "transfer" event. */
  add(event) {
    const row = this.rows.get(event.transfer) ?? this.make(event.transfer);
    const have = event.have ?? row.have; // what is complete has no figures any more
    const needed = event.needed ?? row.needed;
    const share = event.state === "complete" ? 1 : needed > 0 ? Math.min(have / needed, 1) : null;
    const moved = event.state === "arriving" && row.have !== have;
    row.last = performance.now();
    Object.assign(row, { have, needed, state: event.state });
    this.badge(row);
    row.called = event.name || row.called; // what is refused has no name any more
    say(row.name, row.called || `Transfer ${event.transfer}`);
    row.name.title = `${row.called} transfer ${event.transfer}`.trim();
    row.item.toggleAttribute("data-done", event.state === "complete");
    row.item.toggleAttribute("data-failed", event.state === "refused");
    row.bar.value = share ?? 0;
    if (event.state === "complete") say(row.packets, "whole and verified");
    else if (known(have)) say(row.packets, needed ? `${have} of ${event.exact === false ? "about " : ""}${needed} packets` : `${have} packets`);
    const percent = share === null ? "– %" : `${Math.floor(100 * share)} %`;
    say(row.share, percent);
    say(row.about, [known(event.bytes) ? size(event.bytes) : null, known(event.snr_db) ? figure(event.snr_db, "dB") : null, event.input].filter(Boolean).join(", "));
    say(row.reason, event.reason ?? "");
    row.reason.hidden = !event.reason;
    if (row.state !== "arriving") row.ended ??= performance.now();
    else row.ended = null; // its key was found, or it goes on
    this.time(row);
    if (this.list.firstElementChild !== row.item && (moved || row.fresh)) this.list.prepend(row.item);
    row.fresh = false;
    while (this.rows.size > KEPT) {
      const [oldest, { item }] = this.rows.entries().next().value;
      this.rows.delete(oldest);
      item.remove();
    }
    this.note();
  }

  make(transfer) {
    const part = (tag, className = "") => make(tag, { className });
    const row = {
      item: part("li", "item"), name: part("strong"), badge: part("span", "badge"),
      bar: make("progress", { max: 1, value: 0, aria: { label: `Progress of transfer ${transfer}` } }),
      packets: part("span"), share: part("span", "number"), about: part("span"), time: part("span", "number"),
      reason: part("p", "reason"), first: performance.now(), last: performance.now(), fresh: true, called: "",
    };
    row.item.append(
      make("div", { className: "top" }, row.name, row.badge), row.bar,
      make("div", { className: "under" }, row.packets, row.share),
      make("div", { className: "under" }, row.about, row.time), row.reason,
    );
    this.rows.set(transfer, row);
    return row;
  }

  tick() {
    for (const row of this.rows.values()) {
      if (row.state === "arriving" && performance.now() - row.last > QUIET_MS) {
        row.state = "quiet";
        row.ended = row.last;
        this.badge(row);
        this.note();
      }
      if (row.state === "arriving") this.time(row);
    }
  }

  badge(row) {
    const [state, text] = STATES[row.state] ?? ["", row.state];
    row.badge.dataset.state = state;
    say(row.badge, text);
  }

  /** For how long it has been coming, or came, as far as this page has seen it. */
  time(row) {
    const seconds = ((row.ended ?? performance.now()) - row.first) / 1000;
    say(row.time, row.ended && seconds < 1 ? "" : duration(Math.floor(seconds)).replace(".0 s", " s"));
  }

  note() {
    const active = [...this.rows.values()].filter(({ state }) => state === "arriving").length;
    say(byId("transfers-note"), active ? `${active} arriving` : "");
  }
}
