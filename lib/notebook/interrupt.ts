import {LabError} from '../errors';

/**
 * Calls `callback`, once, when the user presses JupyterLab's stop button (the kernel gets SIGINT). Resolves to a
 * function that stops listening, to be called when the work is done. Meanwhile the kernel's own answer, which fails
 * the cell at once and loses its names, is held back, so that the work can end cleanly and its cell as usual; a second
 * press gets the kernel's own answer. The work must let the event loop turn (`setImmediate`) for a press to be seen.
 */
export async function onInterrupt(callback: () => void): Promise<() => void> {
  // tslab runs a cell up to its first `await` under Node's `breakOnSigint`, which takes all listeners away and, at its
  // end, the signal's handler from any that was added meanwhile: SIGINT would then kill the kernel.
  await new Promise((resolve) => setImmediate(resolve));

  const held = process.rawListeners('SIGINT') as NodeJS.SignalsListener[];
  // Never without a listener in between: the signal would end the process.
  process.on('SIGINT', interrupted);
  for (const listener of held) process.off('SIGINT', listener);

  function stopListening(): void {
    for (const listener of held.splice(0)) process.on('SIGINT', listener);
    process.off('SIGINT', interrupted);
  }

  function interrupted(): void {
    stopListening();
    callback();
  }

  return stopListening;
}

/**
 * Does work that the stop button ends through its signal. What the work then throws becomes a LabError that says
 * `stopped`; work that ends in good order although it was told to stop gives its value as usual.
 */
export async function interruptible<T>(
  stopped: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stopListening = await onInterrupt(() => controller.abort());
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? new LabError(stopped) : error;
  } finally {
    stopListening();
  }
}
