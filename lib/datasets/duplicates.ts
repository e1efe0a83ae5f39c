/**
 * The search for near-duplicates among perceptual hashes. Instead of every pair it compares those that share a quarter of
 * their bits, or nearly so, and still misses none: multi-index hashing (Norouzi, Punjani and Fleet, "Fast search in
 * Hamming space with multi-index hashing", 2012, section 3). What is found is taken out, so a crowd of pictures that are
 * all alike, which has quadratically many pairs, costs no more than as many different ones. Where colours follow a hash
 * (see colours.ts), pictures that these tell apart are not alike.
 */
import {comparableColours, haveOtherColours} from './colours';
import {bitCount} from './hash';

const quarterCount = 4;
const quarterValues = 2 ** 16;

/**
 * Groups indices so that every two whose hashes (16 hex digits) differ in at most `bits` bits share a group, directly or
 * through others. Every index is in exactly one group; groups and their members are in rising order.
 */
export function duplicateGroups(hashes: readonly string[], bits: number): number[][] {
  const words = wordsOf(hashes);
  const pool = new HashPool(words, bits);
  const groups: number[][] = [];
  for (let index = 0; index < hashes.length; index++) {
    const group = pool.take(words, index);
    // The group grows while it is walked through.
    for (const member of group) for (const other of pool.take(words, member)) group.push(other);
    if (group.length > 0) groups.push(group.sort((a, b) => a - b));
  }
  return groups;
}

/**
 * The `[i, j]` for which `first[i]` and `second[j]` (16 hex digits each) differ in at most `bits` bits, in rising order;
 * every j once, with its lowest i.
 */
export function* closePairs(
  first: readonly string[],
  second: readonly string[],
  bits: number,
): Generator<[number, number], void, void> {
  const words = wordsOf(first);
  const pool = new HashPool(wordsOf(second), bits);
  for (let index = 0; index < first.length; index++) {
    for (const other of pool.take(words, index).sort((a, b) => a - b)) yield [index, other];
  }
}

/** Hashes as integers: the 32-bit halves `2 i` and `2 i + 1` and the 16-bit quarters `4 i` to `4 i + 3` of hash i. */
interface Words {
  halves: Int32Array;
  quarters: Uint16Array;
  colours: (Uint8Array | null)[];
}

function wordsOf(hashes: readonly string[]): Words {
  const halves = new Int32Array(2 * hashes.length);
  hashes.forEach((hash, index) => {
    halves[2 * index] = parseInt(hash.slice(0, 8), 16);
    halves[2 * index + 1] = parseInt(hash.slice(8, 16), 16);
  });
  const colours = hashes.map((hash) => comparableColours(hash.slice(16)));
  return {halves, quarters: new Uint16Array(halves.buffer), colours};
}

/** Hashes from which those that are close to a given one can be taken. */
class HashPool {
  private readonly taken: Uint8Array;
  private readonly tables: Table[] = [];

  /**
   * Two hashes that differ in at most `bits` = 4 r + a bits, a < 4, differ in at most r bits in one of the first a + 1
   * quarters or in at most r - 1 in one of the others: otherwise they differed in (a + 1)(r + 1) + (3 - a) r = bits + 1.
   */
  constructor(
    private readonly words: Words,
    private readonly bits: number,
  ) {
    this.taken = new Uint8Array(words.halves.length / 2);
    for (let quarter = 0; quarter < quarterCount; quarter++) {
      const radius = Math.floor((bits - quarter) / quarterCount);
      if (radius >= 0) this.tables.push(tableOf(words.quarters, quarter, radius));
    }
  }

  /** Takes out all that differ in at most `bits` bits from hash `index` of `words`; their indices, in no order. */
  take(words: Words, index: number): number[] {
    const {taken, bits} = this;
    const {halves, colours} = this.words;
    const high = words.halves[2 * index];
    const low = words.halves[2 * index + 1];
    const found: number[] = [];
    for (const {quarter, differences, links} of this.tables) {
      const value = words.quarters[quarterCount * index + quarter];
      for (const difference of differences) {
        let last = value ^ difference;
        for (let link = links[last]; link !== 0; link = links[link]) {
          const member = link - quarterValues;
          if (!taken[member]) {
            const distance = bitCount(halves[2 * member] ^ high) + bitCount(halves[2 * member + 1] ^ low);
            if (distance > bits || haveOtherColours(colours[member], words.colours[index])) {
              last = link;
              continue;
            }
            taken[member] = 1;
            found.push(member);
          }
          links[last] = links[link];
        }
      }
    }
    return found;
  }
}

/** The hashes by one quarter of their bits. */
interface Table {
  quarter: number;
  /** The values that differ from 0 in as many bits as may differ in this quarter. */
  differences: number[];
  /**
   * Chains of hashes with the same value: `links[v]` leads to the first with the value v, `links[2^16 + i]` on from hash
   * i; 0 ends them. A hash that was taken through another table is left out when it is next come upon.
   */
  links: Int32Array;
}

function tableOf(values: Uint16Array, quarter: number, radius: number): Table {
  const count = values.length / quarterCount;
  const links = new Int32Array(quarterValues + count);
  for (let index = count - 1; index >= 0; index--) {
    const value = values[quarterCount * index + quarter];
    links[quarterValues + index] = links[value];
    links[value] = quarterValues + index;
  }
  return {quarter, differences: valuesWithin(radius), links};
}

/** The 16-bit values with at most `radius` ones. */
function valuesWithin(radius: number): number[] {
  const values = new Set([0]);
  for (let ones = 0; ones < radius; ones++) {
    for (const value of [...values]) for (let bit = 0; bit < 16; bit++) values.add(value | (1 << bit));
  }
  return [...values];
}
