// The WebSocket to the job manager: opens it, opens it again when it is lost, and tells when that is hopeless.

const FIRST_DELAY = 250; // ms before the first new attempt; doubles up to …
const LAST_DELAY = 8000;
const STEADY = 5000; // ms that a connection must have lasted for the delays to start afresh
const UNKNOWN_JOB = 4404;
const ORIGIN_REFUSED = 4403;

/**
 * @param {object} handlers
 * @param {(message: object) => void} handlers.onMessage a message of the experiment that is followed now
 * @param {(state: "socket"|"poll"|"lost"|"gone") => void} handlers.onState "gone": the server does not know the job;
 *   "poll": no WebSocket can be opened here at all, so Python must feed the component
 */
export function createTransport({ onMessage, onState }) {
  let path = null;
  let socket = null;
  let retry = 0;
  let failures = 0;
  let proven = false; // a WebSocket has been open on this page, so a failure is passing
  let hopeless = false;
  let gone = false;

  function open() {
    const url = new URL(path, window.location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const own = new WebSocket(url);
    let openedAt = null;
    socket = own;
    own.onopen = () => {
      openedAt = performance.now();
      proven = true;
      onState("socket");
    };
    own.onmessage = (event) => onMessage(JSON.parse(event.data));
    own.onclose = (event) => {
      socket = null;
      gone = event.code === UNKNOWN_JOB;
      if (gone) return onState("gone");
      if (openedAt !== null && performance.now() - openedAt > STEADY) failures = 0;
      failures += 1;
      hopeless = event.code === ORIGIN_REFUSED || (!proven && failures >= 2);
      if (hopeless) return onState("poll");
      onState("lost");
      retry = setTimeout(open, Math.min(LAST_DELAY, FIRST_DELAY * 2 ** (failures - 1)));
    };
  }

  /** Forget the socket without hearing of its end. */
  function drop() {
    clearTimeout(retry);
    if (!socket) return;
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
    socket = null;
  }

  function send(message) {
    if (socket?.readyState !== WebSocket.OPEN) return false;
    socket.send(JSON.stringify(message));
    return true;
  }

  return {
    /** Follow the experiment at this path, and leave the one followed before; a job that was gone may be back. */
    follow(next) {
      if (next === path && !gone) return;
      send({ type: "leave" });
      drop();
      path = next;
      failures = 0;
      gone = false;
      if (!hopeless) open();
    },
    /** Send a message; false where there is no open WebSocket. */
    send,
    /** Close for good, without leaving the job: the page goes away, the work may go on. */
    close: drop,
  };
}
