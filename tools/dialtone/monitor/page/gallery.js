// What arrived: thumbnails, receipts, downloads; before them what is still arriving, unverified.

import { ask, byId, duration, figure, known, make, moment, rate, say, size, utc, when } from "./page.js";

const STEP = 24;
const ARRIVING_MAX = 24; // of pictures: strangers may begin any number

export class Gallery {
  constructor() {
    this.list = byId("gallery");
    this.count = STEP;
    this.partial = new Map();
    this.cards = new Map();
    byId("older").addEventListener("click", () => {
      this.count += STEP;
      this.load();
    });
    byId("receipt").addEventListener("click", (event) => {
      if (event.target === event.currentTarget) event.currentTarget.close(); // beside the dialog
    });
  }

  /** Ask for the list; calls while one is on its way are joined. */
  async load() {
    if (this.loading) {
      this.again = true;
      return;
    }
    this.loading = true;
    try {
      const { arrivals, total } = await ask(`/api/arrivals?count=${this.count}`);
      const shown = new Map();
      for (const arrival of arrivals) shown.set(arrival.place, this.cards.get(arrival.place) ?? this.card(arrival));
      this.cards = shown;
      const files = `${total} ${total === 1 ? "file" : "files"}`;
      const listed = arrivals.length < this.count; // all that the daemon lists
      const some = listed && arrivals.length < total ? `the newest ${arrivals.length} of ` : "";
      say(byId("inbox-note"), total ? some + files : "");
      byId("older").hidden = listed || arrivals.length === total;
      this.arrange();
    } catch (error) {
      say(byId("inbox-note"), error.message);
    }
    this.loading = false;
    if (this.again) {
      this.again = false;
      this.load();
    }
  }

  /** A "transfer" event: what has come of a picture is shown for what it is. */
  transfer(event) {
    const { transfer, state, picture, name, have, needed } = event;
    const before = this.partial.get(transfer);
    if (state !== "arriving" && state !== "locked") {
      if (this.partial.delete(transfer)) this.arrange();
      return;
    }
    if (!picture) return;
    const card = before ?? this.arriving(name || `Transfer ${transfer}`);
    if (card.number !== picture) {
      card.number = picture;
      const image = new Image();
      image.src = `/api/transfers/${transfer}/partial?picture=${picture}`;
      image.onload = () => {
        if (card.number !== picture) return; // a newer one was quicker
        image.alt = `Unverified beginning of ${name || "a picture"}`;
        card.frame.querySelector("img")?.remove();
        card.frame.prepend(image);
      };
    }
    const share = needed > 0 ? `, ${Math.min(Math.floor((100 * have) / needed), 100)} %` : "";
    say(card.mark, `Unverified${share}`);
    if (!before) {
      this.partial.set(transfer, card);
      if (this.partial.size > ARRIVING_MAX) this.partial.delete(this.partial.keys().next().value);
      this.arrange();
    }
  }

  clear() {
    this.partial.clear();
    this.arrange();
  }

  arrange() {
    const wanted = [...this.partial.values(), ...this.cards.values()].map(({ item }) => item);
    const same = wanted.length === this.list.children.length && wanted.every((item, at) => item === this.list.children[at]);
    if (!same) this.list.replaceChildren(...wanted);
  }

  arriving(name) {
    const mark = make("span", { className: "mark" });
    const frame = make("div", { className: "picture" }, mark);
    const caption = make("div", { className: "caption" }, make("strong", { title: name }, name), make("span", {}, "not complete yet"));
    return { item: make("li", { className: "arriving" }, frame, caption), frame, mark, number: 0 };
  }

  card(arrival) {
    const { name, receipt } = arrival;
    const frame = make("div", { className: "picture" });
    if (arrival.picture) {
      const image = make("img", { alt: "", loading: "lazy", src: thumbnail(arrival) });
      image.addEventListener("error", () => image.replaceWith(kind(name)));
      frame.append(image);
    } else frame.append(kind(name));
    const button = make(
      "button",
      { type: "button", title: name },
      frame,
      make(
        "div",
        { className: "caption" },
        make("strong", {}, name),
        make("span", {}, `${size(receipt.bytes)}, ${sender(receipt)}`),
        when(receipt.received_at),
      ),
    );
    button.addEventListener("click", () => open(arrival));
    return { item: make("li", {}, button) };
  }
}

const thumbnail = ({ place }) => `/api/arrivals/${encodeURIComponent(place)}/thumbnail`;

function kind(name) {
  const ending = /\.([A-Za-z0-9]{1,5})$/.exec(name)?.[1] ?? "file";
  return make("span", { className: "kind" }, ending.toUpperCase());
}

function sender(receipt) {
  if (receipt.signed_by) return `from ${receipt.signed_by}`;
  if (receipt.signer_revoked) return "signed, key revoked";
  return receipt.signer ? "signed, key not known" : "not signed";
}

/** Show the receipt. */
function open(arrival) {
  const { name, receipt } = arrival;
  say(byId("receipt-title"), name);
  const picture = byId("receipt-picture");
  picture.parentElement.hidden = !arrival.picture;
  picture.onerror = () => (picture.parentElement.hidden = true);
  if (arrival.picture) Object.assign(picture, { src: thumbnail(arrival), alt: `Thumbnail of ${name}` });
  const signed = receipt.signer ? ` (${receipt.signer})` : "";
  const speed = receipt.profile ? `${receipt.profile}, speed ${receipt.speed}` : null;
  const details = {
    Sender: sender(receipt).replace(/^from /, "") + signed,
    Signed: known(receipt.signed_at) ? utc(receipt.signed_at) : null,
    Received: `${moment(receipt.received_at)}, ${utc(receipt.received_at)}`,
    Expires: known(receipt.expires) ? utc(receipt.expires) : null,
    Size: `${size(receipt.bytes)}${receipt.bytes >= 1000 ? ` (${receipt.bytes} bytes)` : ""}`,
    "SHA-256": receipt.sha256,
    Protection: receipt.protection,
    Signal: speed,
    SNR: known(receipt.snr_db) ? figure(receipt.snr_db, "dB") : null,
    "Clock error": known(receipt.clock_ppm) ? figure(receipt.clock_ppm, "ppm") : null,
    "Air time": known(receipt.air_seconds) ? `${duration(receipt.air_seconds)}, ${rate(receipt.goodput_bps)}` : null,
    Lost: known(receipt.packets_lost) ? `${receipt.packets_lost} ${receipt.packets_lost === 1 ? "packet" : "packets"}` : null,
    Input: receipt.input,
    Transfer: receipt.transfer,
    Note: receipt.note,
  };
  const pairs = Object.entries(details).filter(([, value]) => value);
  byId("receipt-details").replaceChildren(...pairs.flatMap(([term, value]) => [make("dt", {}, term), make("dd", { className: term === "SHA-256" ? "mono" : "" }, value)]));
  const link = byId("receipt-download");
  Object.assign(link, { href: `/api/arrivals/${encodeURIComponent(arrival.place)}/file`, download: name });
  byId("receipt").showModal();
}
