// The list of sendings: each is made into sound once, then played here or there, or downloaded.

import { ask, byId, duration, make, rate, say, size } from "./page.js";
import { play } from "./player.js";

const STAGES = {
  preparing: ["active", "Making sound"],
  ready: ["good", "Ready"],
  playing: ["active", "Playing"],
  done: ["good", "Played"],
  failed: ["bad", "Failed"],
  cancelled: ["waiting", "Cancelled"],
};

export class Sendings {
  constructor() {
    this.list = byId("sendings");
    this.rows = new Map();
  }

  /** All that the daemon has, at the beginning of a connection. */
  reset(events) {
    const there = new Set(events.map(({ id }) => id));
    for (const id of this.rows.keys()) if (!there.has(id)) this.forget(id);
    events.forEach((event) => this.add(event));
  }

  /** A "sending" event. */
  add(event) {
    if (event.stage === "removed") return this.forget(event.id);
    const row = this.rows.get(event.id) ?? this.make(event);
    Object.assign(row.event, event);
    this.show(row);
    if (event.stage === "ready" && row.then) {
      const then = row.then;
      row.then = null;
      then(event.id);
    }
  }

  /** A sending of this page; events about it may have overtaken the answer. */
  begun(event) {
    if (!this.rows.has(event.id)) this.add(event);
  }

  /** What is to be done with it as soon as its sound is there. */
  then(id, way, device) {
    const work = {
      card: () => this.onCard(id, device),
      browser: () => this.here(id),
      file: () => this.rows.get(id).link.click(),
    }[way];
    const row = this.rows.get(id);
    if (row.event.stage === "ready") work();
    else row.then = work;
  }

  async onCard(id, device) {
    const body = JSON.stringify({ device: device || null });
    await this.told(id, ask(`/api/sendings/${id}/play`, { method: "POST", body }));
  }

  /** Play it in this browser. */
  async here(id) {
    const row = this.rows.get(id);
    let context = null;
    row.abort = new AbortController();
    Object.assign(row.event, { stage: "playing", seconds: 0, reason: null, here: true });
    this.show(row);
    try {
      const answer = await fetch(row.link.href, { signal: row.abort.signal });
      if (!answer.ok) throw new Error("The sound is not there any more.");
      const makeContext = (hz) => (context = new AudioContext({ sampleRate: hz }));
      await play(answer, makeContext, (seconds) => { row.event.seconds = seconds; this.show(row); }, row.abort.signal);
      row.event.stage = "done";
    } catch (error) {
      const aborted = row.abort.signal.aborted;
      Object.assign(row.event, aborted ? { stage: "cancelled" } : { stage: "failed", reason: error.message });
    } finally {
      await context?.close().catch(() => {});
      row.abort = null;
      row.event.here = false;
      this.show(row);
    }
  }

  async cancel(id) {
    const row = this.rows.get(id);
    row.then = null;
    if (row.abort) row.abort.abort();
    else await this.told(id, ask(`/api/sendings/${id}/cancel`, { method: "POST" }));
  }

  async remove(id) {
    await ask(`/api/sendings/${id}`, { method: "DELETE" }).catch(() => {});
    this.forget(id);
  }

  forget(id) {
    this.rows.get(id)?.abort?.abort();
    this.rows.get(id)?.item.remove();
    this.rows.delete(id);
  }

  async told(id, promise) {
    try {
      await promise;
    } catch (error) {
      const row = this.rows.get(id);
      Object.assign(row.event, { stage: "failed", reason: error.message });
      this.show(row);
    }
  }

  make(event) {
    const { id } = event;
    const button = (text, work) => {
      const made = make("button", { type: "button", className: "quiet" }, text);
      made.addEventListener("click", work);
      return made;
    };
    const row = {
      event: { ...event }, item: make("li", { className: "item" }), name: make("strong"), badge: make("span", { className: "badge" }),
      bar: make("progress", { max: 1, value: 0, aria: { label: `Progress of sending ${event.file}` } }),
      about: make("span"), time: make("span", { className: "number" }), reason: make("p", { className: "reason" }),
      link: make("a", { className: "button quiet", href: `/api/sendings/${id}/sound.wav`, download: "" }, "WAV"),
      card: button("Sound card", () => this.onCard(id, byId("device").value)),
      here: button("This browser", () => this.here(id)),
      stop: button("Cancel", () => this.cancel(id)), away: button("Remove", () => this.remove(id)),
    };
    row.item.append(
      make("div", { className: "top" }, row.name, row.badge), row.bar,
      make("div", { className: "under" }, row.about, row.time), row.reason,
      make("div", { className: "buttons" }, row.card, row.here, row.link, row.stop, row.away),
    );
    this.list.prepend(row.item);
    this.rows.set(id, row);
    return row;
  }

  show(row) {
    const { event } = row;
    const [state, text] = STAGES[event.stage] ?? ["", event.stage];
    row.badge.dataset.state = state;
    say(row.badge, event.here ? "Playing here" : text);
    say(row.name, event.file);
    const total = event.total_seconds;
    row.bar.value = total ? Math.min(event.seconds / total, 1) : 0;
    row.item.toggleAttribute("data-done", event.stage === "ready" || event.stage === "done");
    row.item.toggleAttribute("data-failed", event.stage === "failed");
    const parts = [size(event.bytes), event.profile && `${event.profile} ${event.speed}`, total && rate((8 * event.bytes) / total)];
    say(row.about, parts.filter(Boolean).join(", "));
    row.about.title = event.protection ?? "";
    const left = event.stage === "playing" || event.stage === "preparing";
    say(row.time, total ? (left ? `${duration(event.seconds)} of ${duration(total)}` : `${duration(total)} of sound`) : "– s");
    say(row.reason, event.reason ?? "");
    row.reason.hidden = !event.reason;
    const made = event.made;
    const busy = event.stage === "preparing" || event.stage === "playing";
    for (const each of [row.card, row.here, row.link]) each.hidden = !made || busy;
    row.stop.hidden = !busy;
    row.away.hidden = busy;
  }
}

