/** How far a transfer has come. Bytes; `total` and `secondsLeft` are absent where the server does not tell the size. */
export interface DownloadProgress {
  place: string;
  received: number;
  total?: number;
  bytesPerSecond: number;
  secondsLeft?: number;
}

export type OnDownloadProgress = (progress: DownloadProgress) => void;

const reportEveryMs = 100;

/**
 * Turns byte counts into progress reports, at most ten a second and always one at the end. The rate counts only what
 * came since the meter was made, so a resumed file does not flatter it.
 */
export function progressMeter(
  place: string,
  already: number,
  total: number | undefined,
  onProgress: OnDownloadProgress | undefined,
): (received: number) => void {
  const start = performance.now();
  let reported = -Infinity;
  return (received) => {
    const now = performance.now();
    if (!onProgress || (now - reported < reportEveryMs && received !== total)) return;
    reported = now;
    const bytesPerSecond = (1000 * (received - already)) / Math.max(now - start, 1);
    const secondsLeft =
      total !== undefined && bytesPerSecond > 0 ? (total - received) / bytesPerSecond : undefined;
    onProgress({place, received, total, bytesPerSecond, secondsLeft});
  };
}
