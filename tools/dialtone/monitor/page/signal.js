// What one input sounds like: waterfall, SNR per carrier, constellation, figures.

import { Carriers } from "./carriers.js";
import { Constellation } from "./constellation.js";
import { byId, figure, make, say } from "./page.js";
import { Waterfall } from "./waterfall.js";

const FIGURES = {
  snr: ["SNR", (event) => figure(event?.snr_db, "dB")],
  evm: ["EVM", (event) => figure(event?.evm_db, "dB")],
  clock: ["Clock error", (event) => figure(event?.clock_ppm, "ppm")],
  level: ["Signal level", (event) => figure(event?.level_dbfs, "dBFS")],
  mode: ["Profile, speed", (event) => (event ? `${event.profile} ${event.speed}` : "–")],
  number: ["Superframe", (event) => (event ? `no. ${event.number}` : "–")],
  blocks: ["Blocks failed", (event) => (event ? `${event.blocks_failed} of ${event.blocks}` : "–")],
  packets: ["It brought", (event) => `${event?.packets ?? "–"} packets`],
};

export class Signal {
  constructor() {
    this.waterfall = new Waterfall(byId("waterfall"));
    this.carriers = new Carriers(byId("carriers"));
    this.constellation = new Constellation(byId("constellation"));
    this.slots = {};
    for (const [key, [title]] of Object.entries(FIGURES)) {
      this.slots[key] = make("dd");
      byId("figures").append(make("div", {}, make("dt", {}, title), this.slots[key]));
    }
    byId("band").addEventListener("change", () => this.settle());
    const all = [this.waterfall, this.carriers, this.constellation];
    new ResizeObserver(() => all.forEach((plot) => plot.draw())).observe(byId("signal"));
    this.clear();
  }

  clear() {
    this.event = null;
    this.range = null;
    for (const plot of [this.waterfall, this.carriers, this.constellation]) plot.clear();
    this.settle();
    this.figures();
  }

  /** Look at another input. */
  choose(name) {
    if (name === this.input) return;
    this.input = name;
    say(byId("signal-of"), name);
    this.clear();
  }

  recolour() {
    this.waterfall.recolour();
    this.carriers.draw();
    this.constellation.draw();
  }

  spectrum(event) {
    if (event.input !== this.input) return;
    const range = [event.low_hz, event.high_hz];
    if (String(range) !== String(this.range)) {
      this.range = range;
      this.settle();
    }
    this.waterfall.add(event);
  }

  superframe(event) {
    if (event.input !== this.input) return;
    const first = !this.event || this.event.profile !== event.profile;
    this.event = event.carrier_hz.length ? event : { ...event, carrier_hz: this.event?.carrier_hz ?? [], carrier_snr_db: this.event?.carrier_snr_db ?? [] };
    if (first) this.settle();
    this.carriers.add(this.event);
    this.constellation.add(event);
    this.figures();
  }

  /** The frequencies that both plots show. */
  settle() {
    const hz = this.event?.carrier_hz ?? [];
    const close = byId("band").querySelector(":checked").value === "signal" && hz.length > 1;
    const all = this.range ?? [0, 24000];
    const low = Math.min(...hz);
    const high = Math.max(...hz);
    const margin = (high - low) * 0.04;
    const band = close ? [Math.max(low - margin, all[0]), Math.min(high + margin, all[1])] : all;
    this.waterfall.band = band;
    this.carriers.band = band;
    this.waterfall.draw();
    this.carriers.draw();
  }

  figures() {
    for (const [key, [, text]] of Object.entries(FIGURES)) say(this.slots[key], text(this.event));
  }
}
