// Brings the parts of the page together: events of the daemon go to whoever shows them.

import { connect } from "./connection.js";
import { Gallery } from "./gallery.js";
import { Inputs } from "./inputs.js";
import { Log } from "./log.js";
import { Microphone } from "./microphone.js";
import { byId, say } from "./page.js";
import { SendForm } from "./send.js";
import { Sendings } from "./sendings.js";
import { Signal } from "./signal.js";
import { Transfers } from "./transfers.js";

const signal = new Signal();
const inputs = new Inputs((name) => signal.choose(name));
const transfers = new Transfers();
const gallery = new Gallery();
const log = new Log();
const sendings = new Sendings();
const form = new SendForm(sendings);
new Microphone();

let page = null; // version of the page that the daemon had at the first connection

const handlers = {
  hello(event, events) {
    if (page !== null && page !== event.page) return location.reload();
    page = event.page;
    inputs.clear(events.filter(({ type, state }) => type === "input" && state === "open").map(({ input }) => input));
    [transfers, gallery, log].forEach((part) => part.clear());
    gallery.load();
    sendings.reset(event.sendings);
    form.load(event);
  },
  input: (event) => inputs.opened(event),
  level: (event) => inputs.level(event),
  spectrum: (event) => signal.spectrum(event),
  superframe(event) {
    inputs.superframe(event);
    signal.superframe(event);
  },
  transfer(event) {
    transfers.add(event);
    gallery.transfer(event);
  },
  received: () => gallery.load(),
  sending: (event) => sendings.add(event),
  log: (event) => log.add(event),
};

const STATES = {
  open: ["good", "Connected"],
  lost: ["bad", "Away, trying again"],
  busy: ["bad", "Too many pages are open"],
  refused: ["bad", "Not allowed any more"],
};

connect(
  (events) => events.forEach((event) => handlers[event.type]?.(event, events)),
  (state) => {
    const [kind, text] = STATES[state];
    byId("connection").dataset.state = kind;
    say(byId("connection"), text);
    byId("connection").title = state === "refused" ? "Open the address that the daemon printed." : "";
  },
);

// Colours: as the system has them, or as chosen here before.
const root = document.documentElement;
const wear = (theme) => {
  if (theme === "auto") delete root.dataset.theme;
  else root.dataset.theme = theme;
  signal.recolour();
};
const kept = localStorage.getItem("theme");
if (kept === "light" || kept === "dark") byId("theme").querySelector(`[value="${kept}"]`).checked = true;
wear(kept ?? "auto");
byId("theme").addEventListener("change", ({ target }) => {
  localStorage.setItem("theme", target.value);
  wear(target.value);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => signal.recolour());

// The token has done its work: it need not stay in the address, nor in bookmarks.
if (location.search) history.replaceState(null, "", location.pathname + location.hash);
