/** What tests make is undone when they end: the last made first, each although another could not be. */
import {mkdtempSync} from 'node:fs';
import {rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {after} from 'node:test';

/** What ends: a test (its context), or `wholeFile`. */
export interface Ending {
  after(undo: () => Promise<void>): void;
}

/** All tests of a file; first used where they are declared. */
export const wholeFile: Ending = {after};

type Undo = () => unknown;
const made = new WeakMap<Ending, Undo[]>();

/** Has something undone at the end, before all that was made before it. */
export function atEnd(of: Ending, undo: Undo): void {
  const stack = made.get(of);
  if (stack) {
    stack.push(undo);
    return;
  }
  const first = [undo];
  made.set(of, first);
  // Of several hooks Node runs the first first, and none after one that fails.
  of.after(() => undoAll(first));
}

async function undoAll(stack: Undo[]): Promise<void> {
  const errors: unknown[] = [];
  for (let undo = stack.pop(); undo; undo = stack.pop()) {
    try {
      await undo();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(String).join('\n'));
}

/** A new folder, removed at the end. Where nothing else is wanted, its path holds a blank, as users' paths do. */
export function temporaryFolder(of: Ending, prefix = 'lab ', parent = tmpdir()): string {
  const folder = mkdtempSync(join(parent, prefix));
  // What has just been stopped may still write.
  atEnd(of, () => rm(folder, {recursive: true, force: true, maxRetries: 10}));
  return folder;
}
