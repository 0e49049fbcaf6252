// The websocket on which the daemon tells what happens. It is opened again for as long as it takes.

const FIRST_MS = 500;
const LONGEST_MS = 8000;
const BUSY = 4429;
// The daemon says something every 5 s. A network that is gone closes nothing.
const SILENT_MS = 15000;
const ANSWER_MS = 5000;

/** connect(onEvents, onState): onEvents gets lists of events, onState "open", "lost", "busy" or "refused". */
export function connect(onEvents, onState) {
  let wait = FIRST_MS;

  const open = () => {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}/live`);
    const look = () => {
      if (socket.readyState === WebSocket.OPEN) socket.send(document.hidden ? "hidden" : "visible");
    };
    socket.onopen = () => {
      wait = FIRST_MS;
      look();
      onState("open");
    };
    let heard = performance.now();
    socket.onmessage = (message) => {
      heard = performance.now();
      onEvents(JSON.parse(message.data));
    };
    document.addEventListener("visibilitychange", look);
    const over = async (code) => {
      clearInterval(watch);
      document.removeEventListener("visibilitychange", look);
      socket.onopen = socket.onmessage = socket.onclose = null;
      onState(code === BUSY ? "busy" : (await refused()) ? "refused" : "lost");
      setTimeout(open, wait);
      wait = Math.min(wait * 1.6, LONGEST_MS);
    };
    socket.onclose = ({ code }) => over(code);
    const watch = setInterval(() => {
      if (performance.now() - heard < SILENT_MS) return;
      socket.close();
      over();
    }, 1000);
  };
  open();
}

/** Whether the daemon is there, but does not know this browser (any more). */
async function refused() {
  try {
    return (await fetch("/page/icon.svg", { cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS) })).status === 401;
  } catch {
    return false;
  }
}
