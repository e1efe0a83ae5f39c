import {isDeepStrictEqual} from 'node:util';
import type {Answer} from './kernels';

/** What went wrong, told at once and counted. */
export class Faults {
  readonly list: string[] = [];

  constructor(private readonly tell: (text: string) => void = console.error) {}

  add(where: string, what: string): void {
    this.list.push(`${where}: ${what}`);
    this.tell(`FAULT ${where}: ${what}`);
  }

  /** Counts an answer that is an error, or another than the undisturbed one; gives its value. */
  check<V>(where: string, answer: Answer<V>, wanted: unknown): V | undefined {
    const {value, error} = answer;
    if (error)
      this.add(
        where,
        `${error.named ? '' : 'an error that tells no remedy, '}${error.stack || error.message}`,
      );
    else this.compare(where, value, wanted);
    return value;
  }

  compare(where: string, got: unknown, wanted: unknown): void {
    if (isDeepStrictEqual(got, wanted)) return;
    const [ours, theirs] = [got, wanted].map((value) => JSON.stringify(value) ?? 'nothing');
    const at = [...ours].findIndex((letter, i) => letter !== theirs[i]);
    const cut = (text: string) => text.slice(Math.max(0, at - 60), at + 100);
    this.add(where, `not as undisturbed: ${cut(ours)} instead of ${cut(theirs)}`);
  }
}
