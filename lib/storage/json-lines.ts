/**
 * A file of JSON lines that only grows, and that several processes add to: each addition is one write at the end under a
 * lock, so that none mixes with another, on a network share neither. What a killed writer leaves is a last line cut off;
 * the next addition begins on a new one.
 */
import * as fs from 'node:fs';
import {LabError} from '../errors';
import {appendWhole} from './append';
import {writing} from './disk';
import {takeLock} from './lock';

/** A line that is not what the file is for. It stays where it is. */
export interface ForeignLine {
  /** From 1 on. */
  line: number;
  text: string;
  reason: string;
}

interface Contents<T> {
  values: readonly T[];
  foreign: readonly ForeignLine[];
}

const newline = 0x0a;
const patienceMs = 10_000;

/** A file of values of one type; what others add to it meanwhile is read, too. */
export class JsonLines<T> {
  private known: {state: string; contents: Contents<T>} | null = null;

  /** `parse` gives the value of a line, or throws why it is none. */
  constructor(
    readonly path: string,
    private readonly parse: (value: unknown) => T,
  ) {}

  /** All that the file holds by now; nothing when there is none. Throws a LabError when it cannot be read. */
  read(): Contents<T> {
    try {
      const {ino, size, mtimeMs} = fs.statSync(this.path);
      const state = `${ino} ${size} ${mtimeMs}`;
      if (this.known?.state !== state) {
        this.known = {state, contents: this.contentsOf(fs.readFileSync(this.path, 'utf8'))};
      }
      return this.known.contents;
    } catch (error) {
      const {code} = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return {values: [], foreign: []};
      if (code === undefined) throw error;
      throw new LabError(`${this.path} cannot be read (${code}). Make it readable and run again.`);
    }
  }

  /**
   * Adds values at the end, each a line, all or none. They are on the disk when this returns. Throws a LabError when the
   * disk does not take them, LockHeld when another process writes for more than ten seconds.
   */
  append(values: readonly T[]): void {
    if (values.length === 0) return;
    const text = values.map((value) => `${JSON.stringify(value)}\n`).join('');
    const lock = takeLock(`${this.path}.lock`, `${this.path} is being written`, {patienceMs});
    try {
      const whole = writing(this.path, () => isWhole(this.path));
      appendWhole(this.path, Buffer.from(whole ? text : `\n${text}`));
    } finally {
      lock.release();
    }
  }

  private contentsOf(content: string): Contents<T> {
    const values: T[] = [];
    const foreign: ForeignLine[] = [];
    for (const [index, line] of content.split('\n').entries()) {
      const text = line.replace(/^\ufeff/, '').trim();
      if (text === '') continue;
      try {
        values.push(this.parse(parsed(text)));
      } catch (error) {
        foreign.push({line: index + 1, text, reason: (error as Error).message});
      }
    }
    return {values, foreign};
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(text.startsWith('{') ? 'cut off or garbled' : 'no JSON');
  }
}

/** Whether the file is empty, or its last line has its line break. */
function isWhole(file: string): boolean {
  if (!fs.existsSync(file)) return true;
  const descriptor = fs.openSync(file, 'r');
  try {
    const {size} = fs.fstatSync(descriptor);
    const last = Buffer.alloc(1, newline);
    if (size > 0) fs.readSync(descriptor, last, 0, 1, size - 1);
    return last[0] === newline;
  } finally {
    fs.closeSync(descriptor);
  }
}
