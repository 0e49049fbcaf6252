// Small helpers: elements, figures with their units, requests.

const NONE = "–";

export const byId = (id) => document.getElementById(id);

/** A new element. `set` holds properties; `data` its data attributes, `aria` its aria attributes. */
export function make(tag, { data = {}, aria = {}, ...set } = {}, ...children) {
  const element = document.createElement(tag);
  Object.assign(element, set);
  Object.assign(element.dataset, data);
  for (const [name, value] of Object.entries(aria)) element.setAttribute(`aria-${name}`, value);
  element.append(...children);
  return element;
}

/** Set a text only where it is another: nothing is drawn or read out again without need. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export const known = (value) => typeof value === "number" && Number.isFinite(value);

/** A number with its unit; a minus sign is one, and what is not known is a dash. */
export function figure(value, unit, digits = 1) {
  const text = known(value) ? value.toFixed(digits).replace(/^-(0(?:\.0*)?)$/, "$1") : NONE;
  return `${text.replace("-", "−")} ${unit}`;
}

export function size(bytes) {
  if (!known(bytes)) return `${NONE} bytes`;
  if (bytes < 1000) return bytes === 1 ? "1 byte" : `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(2)} MB`;
}

export function rate(bitsPerSecond) {
  if (!known(bitsPerSecond)) return `${NONE} bit/s`;
  if (bitsPerSecond < 1e3) return `${bitsPerSecond.toFixed(0)} bit/s`;
  if (bitsPerSecond < 1e6) return `${(bitsPerSecond / 1e3).toFixed(1)} kbit/s`;
  return `${(bitsPerSecond / 1e6).toFixed(2)} Mbit/s`;
}

export function duration(seconds) {
  if (!known(seconds)) return `${NONE} s`;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const two = (value) => String(value).padStart(2, "0");
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit" });

/** The date of a moment; null where there is none: strangers may sign with any number. */
function dateOf(seconds) {
  const date = new Date(seconds * 1000);
  return known(seconds) && known(date.getTime()) ? date : null;
}

/** A moment as people here write it: `today` before the time, or the date where it is of another day. */
export function moment(seconds, today = "today ") {
  const date = dateOf(seconds);
  if (!date) return NONE;
  const isToday = day.format(date) === day.format(new Date());
  return `${isToday ? today : `${day.format(date)} `}${clock.format(date)}`;
}

/** An element with that; it stays right when the day is over. */
export function when(seconds, today = "today ") {
  const date = dateOf(seconds);
  const set = { data: { at: seconds, today }, title: utc(seconds), dateTime: date ? date.toISOString() : "" };
  return make("time", set, moment(seconds, today));
}

setInterval(() => {
  for (const element of document.querySelectorAll("time[data-at]")) {
    say(element, moment(Number(element.dataset.at), element.dataset.today));
  }
}, 60000);

/** The same to the second in UTC. */
export function utc(seconds) {
  const date = dateOf(seconds);
  if (!date) return known(seconds) ? `a time no calendar has (${seconds} s)` : NONE;
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** A request to the daemon; the JSON of the answer. Throws an Error with a sentence. */
export async function ask(path, { method = "GET", body, headers = {} } = {}) {
  let answer;
  try {
    answer = await fetch(path, { method, body, headers });
  } catch {
    throw new Error("The daemon does not answer.");
  }
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const told = await answer.json().catch(() => ({}));
  const sentence = told.error ?? `the daemon refused it (${answer.status})`;
  const hint = told.hint ? `: ${told.hint}` : "";
  throw new Error(`${sentence[0].toUpperCase()}${sentence.slice(1)}${hint}.`);
}

/** Do something once before the next picture, however often it is asked for. */
export function onFrame(work) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      work();
    });
  };
}
