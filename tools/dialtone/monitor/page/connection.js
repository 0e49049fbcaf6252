// The websocket on which the daemon tells what happens. It is opened again for as long as it takes.

const FIRST_MS = 500;
const LONGEST_MS = 8000;
const BUSY = 4429;

/** connect(onEvents, onState): onEvents gets lists of events, onState "open", "lost" or "refused". */
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
    socket.onmessage = (message) => onEvents(JSON.parse(message.data));
    document.addEventListener("visibilitychange", look);
    socket.onclose = async (closed) => {
      document.removeEventListener("visibilitychange", look);
      onState(closed.code === BUSY ? "busy" : (await refused()) ? "refused" : "lost");
      setTimeout(open, wait);
      wait = Math.min(wait * 1.6, LONGEST_MS);
    };
  };
  open();
}

/** Whether the daemon is there, but does not know this browser (any more). */
async function refused() {
  try {
    return (await fetch("/page/icon.svg", { cache: "no-store" })).status === 401;
  } catch {
    return false;
  }
}
