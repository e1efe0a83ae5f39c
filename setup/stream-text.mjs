/** Text that a cell prints, in as many messages as a reader can follow. */

/** How many messages a second go out at once. */
const atOnce = 100;

/** How long further text may wait for more, in milliseconds, and how much of it, in UTF-16 units. */
const longest = 50;
const most = 2 ** 16;

/** @typedef {(name: string, text: string) => void} Write sends text to the stream `stdout` or `stderr` */

/**
 * Gathers what is printed faster than messages make sense; nothing is lost or changes its order.
 * @param {Write} send
 * @param {() => number} now the time in milliseconds
 * @returns {{write: Write, flush: () => void}} `flush` sends what waits, to be called before any other message
 */
export function gathered(send, now = () => performance.now()) {
  let stream = '';
  let waiting = '';
  let second = now();
  let sent = 0;
  /** @type {NodeJS.Timeout | undefined} */
  let timer;

  const flush = () => {
    clearTimeout(timer);
    timer = undefined;
    if (waiting === '') return;
    const text = waiting;
    waiting = '';
    sent++;
    send(stream, text);
  };

  /** @type {Write} */
  const write = (name, text) => {
    if (name !== stream) flush();
    stream = name;
    waiting += text;
    if (now() - second >= 1000) {
      second = now();
      sent = 0;
    }
    if (sent < atOnce || waiting.length >= most) flush();
    else timer ??= setTimeout(flush, longest);
  };

  return {write, flush};
}
