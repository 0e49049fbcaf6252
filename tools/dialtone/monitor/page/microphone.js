// This device's microphone as an input of the daemon.

import { byId, figure, say } from "./page.js";
import { place } from "./inputs.js";

const BEHIND_BYTES = 4 << 20; // about 20 s of sound that the network did not take
const HELP = "Hold it near the loudspeaker. The sound goes to the daemon, which decodes it.";
// What a telephone does to make speech pleasant would destroy the signal.
const RAW = { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 };

export class Microphone {
  constructor() {
    this.button = byId("microphone-button");
    this.running = null;
    this.button.addEventListener("click", () => (this.running ? this.stop("Stopped.") : this.start()));
    if (!window.isSecureContext || !navigator.mediaDevices) {
      this.button.disabled = true;
      this.say(
        "Browsers open the microphone only for https or 127.0.0.1. Start the daemon with --monitor-cert and --monitor-key, or open this page through an SSH tunnel.",
        true,
      );
    }
  }

  async start() {
    this.button.disabled = true;
    const running = (this.running = {});
    try {
      running.media = await navigator.mediaDevices.getUserMedia({ audio: RAW });
      running.context = new AudioContext({ latencyHint: "playback" }); // a late sound is no harm, a gap is
      await running.context.audioWorklet.addModule("/page/worklet.js");
      running.socket = await this.connect(running);
      const recorder = new AudioWorkletNode(running.context, "recorder", {
        numberOfOutputs: 0, channelCount: 1, channelCountMode: "explicit",
      });
      recorder.port.onmessage = ({ data }) => this.block(running, data);
      running.context.createMediaStreamSource(running.media).connect(recorder);
      running.media.getAudioTracks()[0].onended = () => this.stop("The microphone is gone.", true);
      await running.context.resume();
      say(this.button, "Stop");
      this.say(`Receiving as “${running.input}” at ${running.context.sampleRate / 1000} kHz.`);
    } catch (error) {
      const denied = error.name === "NotAllowedError";
      this.stop(denied ? "This browser was not allowed to open the microphone." : error.message, true);
    }
    this.button.disabled = false;
  }

  /** The websocket, once the daemon has taken the input. */
  connect(running) {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/microphone`);
    socket.binaryType = "arraybuffer";
    return new Promise((resolve, reject) => {
      socket.onopen = () => socket.send(JSON.stringify({ rate: running.context.sampleRate }));
      socket.onmessage = ({ data }) => {
        running.input = JSON.parse(data).input;
        resolve(socket);
      };
      socket.onclose = ({ reason }) => {
        const told = reason ? `The daemon has closed the input: ${reason}.` : "The connection to the daemon is lost.";
        reject(new Error(told));
        if (this.running === running) this.stop(told, true);
      };
    });
  }

  block({ socket }, samples) {
    if (socket.readyState !== WebSocket.OPEN) return;
    if (socket.bufferedAmount > BEHIND_BYTES) {
      this.stop("The network is too slow for the sound.", true);
      return;
    }
    let peak = 0;
    for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
    const level = Math.max(20 * Math.log10(peak), -120);
    const meter = byId("microphone-meter");
    meter.firstElementChild.style.setProperty("--at", place(level));
    meter.classList.toggle("clipping", peak >= 0.999);
    say(byId("microphone-level"), figure(level, "dBFS"));
    socket.send(samples);
  }

  stop(text, bad = false) {
    const running = this.running;
    this.running = null;
    if (running) {
      running.media?.getTracks().forEach((track) => track.stop());
      running.context?.close().catch(() => {});
      running.socket?.close();
    }
    byId("microphone-meter").firstElementChild.style.setProperty("--at", "0%");
    byId("microphone-meter").classList.remove("clipping");
    say(byId("microphone-level"), figure(null, "dBFS"));
    say(this.button, "Start");
    this.say(text || HELP, bad);
  }

  say(text, bad = false) {
    const state = byId("microphone-state");
    say(state, text);
    state.classList.toggle("bad", bad);
  }
}
