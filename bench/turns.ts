/** Two sides in turns, so that a machine whose speed swings between minutes does so for both. */
import {median} from './tables';

/** At least three rounds; quick ones are repeated up to nine times within about this many seconds. */
const [least, most, enoughSeconds] = [3, 9, 15];

export const roundsInWords = `${least} to ${most} rounds`;

/** The median seconds of each side for the same work. */
export async function inTurns(
  ours: () => number | Promise<number>,
  theirs: () => Promise<number>,
): Promise<{ours: number; theirs: number}> {
  const [mine, yours]: number[][] = [[], []];
  const began = performance.now();
  const isEnough = () => (performance.now() - began) / 1000 >= enoughSeconds || mine.length >= most;
  while (mine.length < least || !isEnough()) {
    mine.push(await ours());
    yours.push(await theirs());
  }
  return {ours: median(mine), theirs: median(yours)};
}
