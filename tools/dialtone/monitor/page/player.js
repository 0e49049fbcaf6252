// Plays a WAV that is still being loaded, at its own sample rate, without a gap.

const ASKED_MS = 1500;
const PIECE_S = 0.5;
const AHEAD_S = 4;
const START_S = 0.15;

/**
 * Play the sound of an answer on an AudioContext of the WAV's rate, 16 bits a sample.
 *
 * makeContext(rate, channels) gives the context; onProgress is told seconds heard; `signal` aborts.
 * Resolves when the last sample has been heard.
 */
export async function play(answer, makeContext, onProgress, signal) {
  const reader = answer.body.getReader();
  let held = new Uint8Array();
  const more = async () => {
    const { done, value } = await reader.read();
    if (!done) held = joined(held, value);
    return !done;
  };
  let format = null;
  while (!(format = header(held))) if (!(await more())) throw new Error("This is no WAV file.");
  const { rate, channels } = format;
  held = held.slice(format.start);
  const context = makeContext(rate, channels);
  if (context.sampleRate !== rate) throw new Error(`This browser does not play ${rate / 1000} kHz.`);
  await Promise.race([context.resume(), wait(signal, ASKED_MS)]);
  if (context.state !== "running") throw new Error("This browser wants to be asked by a click: use the button below.");
  const frameBytes = 2 * channels;
  const pieceBytes = Math.round(PIECE_S * rate) * frameBytes;
  const start = context.currentTime + START_S;
  let frames = 0;
  const heard = () => Math.max(context.currentTime - start, 0);
  const tick = setInterval(() => onProgress(Math.min(heard(), frames / rate)), 200);
  try {
    for (let going = true; going || held.length >= frameBytes; ) {
      signal?.throwIfAborted();
      while (going && held.length < pieceBytes) going = await more();
      const length = Math.min(pieceBytes, held.length - (held.length % frameBytes));
      if (!length) break;
      const buffer = decoded(context, held.slice(0, length), rate, channels);
      held = held.slice(length);
      const source = context.createBufferSource();
      source.buffer = buffer;
      source.connect(context.destination);
      source.start(start + frames / rate);
      frames += buffer.length;
      while (context.state !== "closed" && frames / rate - heard() > AHEAD_S) await wait(signal);
    }
    while (heard() < frames / rate) await wait(signal);
    onProgress(frames / rate);
  } finally {
    clearInterval(tick);
    reader.cancel().catch(() => {});
  }
}

/** Where the samples begin, and what they are; null while too little is there. */
export function header(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = {};
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    if (name === "data" && found.rate) return { ...found, start: at + 8 };
    if (name === "fmt " && at + 24 <= bytes.length) {
      Object.assign(found, { channels: view.getUint16(at + 10, true), rate: view.getUint32(at + 12, true) });
    }
    at += 8 + view.getUint32(at + 4, true);
  }
  return null;
}

function decoded(context, bytes, rate, channels) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = bytes.length / (2 * channels);
  const buffer = context.createBuffer(channels, length, rate);
  for (let channel = 0; channel < channels; channel++) {
    const samples = buffer.getChannelData(channel);
    for (let at = 0; at < length; at++) samples[at] = view.getInt16(2 * (at * channels + channel), true) / 32768;
  }
  return buffer;
}

function joined(first, second) {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** A little later, or an exception where it was aborted. */
function wait(signal, ms = 100) {
  return new Promise((resolve, reject) => {
    const abort = () => (clearTimeout(timer), reject(signal.reason));
    const timer = setTimeout(() => (signal?.removeEventListener("abort", abort), resolve()), ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
