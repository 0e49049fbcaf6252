// The form that sends: file, profile, speed, whom it is for, and what becomes of the sound.

import { ask, byId, figure, make, rate, say, size } from "./page.js";

export class SendForm {
  constructor(sendings) {
    this.sendings = sendings;
    this.file = null;
    this.most = Infinity;
    this.profiles = [];
    for (const id of ["file", "photo"]) {
      byId(id).addEventListener("change", ({ target }) => target.files.length && this.take(target.files[0]));
    }
    const drop = byId("drop");
    for (const kind of ["dragover", "dragleave", "drop"]) {
      drop.addEventListener(kind, (event) => {
        event.preventDefault();
        drop.classList.toggle("over", kind === "dragover");
        if (kind === "drop" && event.dataTransfer.files.length) this.take(event.dataTransfer.files[0]);
      });
    }
    byId("profile").addEventListener("change", () => this.listSpeeds());
    byId("protection").addEventListener("change", () => this.arrange());
    byId("way").addEventListener("change", () => this.arrange());
    byId("send-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    this.arrange();
  }

  /** Ask the daemon what there is to choose from. */
  async load(hello) {
    this.most = hello.upload_max_bytes;
    try {
      const [profiles, contacts] = await Promise.all([ask("/api/profiles"), ask("/api/contacts")]);
      this.listProfiles(profiles);
      this.listContacts(contacts);
    } catch (error) {
      this.tell(error.message, true);
    }
  }

  listProfiles(profiles) {
    const chosen = byId("profile").value || "phone";
    this.profiles = profiles;
    byId("profile").replaceChildren(
      ...profiles.map(({ name, description }) => make("option", { value: name, selected: name === chosen }, `${name}: ${description}`)),
    );
    this.listSpeeds();
  }

  listSpeeds() {
    const profile = this.profiles.find(({ name }) => name === byId("profile").value);
    if (!profile) return;
    const line = ({ number, net_bps: bps, snr_db: snr }) => `${number}: ${rate(bps)}, ${figure(snr, "dB")}`;
    const chosen = this.listed === profile.name ? byId("speed").value : "default"; // still, after a reconnection
    this.listed = profile.name;
    const usual = profile.speeds[profile.default_speed - 1];
    byId("speed").replaceChildren(
      make("option", { value: "default" }, `${line(usual)} (usual)`),
      ...profile.speeds.map((speed) => make("option", { value: String(speed.number), selected: String(speed.number) === chosen }, line(speed))),
    );
  }

  listContacts(contacts) {
    const chosen = new Set([...byId("contacts").selectedOptions].map(({ value }) => value));
    byId("contacts").replaceChildren(
      ...contacts.map(({ name, fingerprint }) =>
        make("option", { value: name, title: fingerprint, selected: chosen.has(name) }, `${name} (${fingerprint.slice(0, 9)}…)`)),
    );
    const some = contacts.length > 0;
    byId("protection").querySelector('[value="contacts"]').disabled = !some;
    if (!some && byId("protection").value === "contacts") byId("protection").value = "passphrase";
    this.arrange();
  }

  listDevices({ devices, error }) {
    const chosen = byId("device").value;
    byId("device").replaceChildren(
      make("option", { value: "" }, error ? "None found" : "The usual one"),
      ...devices.map(({ name, number }) => make("option", { value: String(number), selected: String(number) === chosen }, name)),
    );
    byId("device").title = error ?? "";
  }

  arrange() {
    const protection = byId("protection").value;
    byId("contacts-field").hidden = protection !== "contacts";
    byId("passphrase-field").hidden = protection !== "passphrase";
    byId("device-field").hidden = byId("way").value !== "card";
  }

  async take(file) {
    this.file = file;
    say(byId("file-name"), `${file.name}, ${size(file.size)}`);
    const large = file.size > this.most;
    this.tell(large ? `At most ${this.most / 2 ** 20} MiB can be sent from the page.` : "", large);
    // Asking for the sound cards takes the daemon a process: only where somebody is about to send.
    const found = await ask("/api/devices").catch((error) => ({ devices: [], error: error.message }));
    this.listDevices(found);
  }

  async send() {
    if (!this.file) return this.tell("Choose a file first.", true);
    const button = byId("send-form").querySelector("button.main");
    button.disabled = true;
    try {
      this.tell("Uploading…");
      const headers = { "X-File-Name": encodeURIComponent(this.file.name), "Content-Type": "application/octet-stream" };
      const { upload } = await ask("/api/uploads", { method: "POST", body: this.file, headers });
      this.tell("Locking…");
      const event = await ask("/api/sendings", { method: "POST", body: JSON.stringify(this.order(upload)) });
      byId("passphrase").value = "";
      this.tell("");
      this.sendings.begun(event);
      this.sendings.then(event.id, byId("way").value, byId("device").value);
    } catch (error) {
      this.tell(error.message, true);
    } finally {
      button.disabled = false;
    }
  }

  order(upload) {
    const fit = byId("fit").valueAsNumber;
    const protection = byId("protection").value;
    return {
      upload,
      profile: byId("profile").value,
      speed: byId("speed").value,
      protection,
      passphrase: protection === "passphrase" ? byId("passphrase").value : "",
      to: protection === "contacts" ? [...byId("contacts").selectedOptions].map(({ value }) => value) : [],
      fit_s: Number.isFinite(fit) ? fit : null,
    };
  }

  tell(text, bad = false) {
    const state = byId("send-state");
    say(state, text);
    state.classList.toggle("bad", bad);
  }
}
