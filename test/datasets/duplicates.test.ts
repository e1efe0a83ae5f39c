import assert from 'node:assert/strict';
import {describe, test} from 'node:test';

import {duplicateGroups, hashDistance, nearDuplicateBits} from '../../lib/datasets';
import {closePairs} from '../../lib/datasets/duplicates';
import {mulberry32} from '../../lib/random';

const random = mulberry32(3);
const below = (count: number) => Math.floor(count * random());
const randomHashes = (count: number) =>
  Array.from({length: count}, () => Array.from({length: 16}, () => below(16).toString(16)).join(''));

function flipped(hash: string, flips: number): string {
  let bits = BigInt(`0x${hash}`);
  for (let i = 0; i < flips; i++) bits ^= 1n << BigInt(below(64));
  return bits.toString(16).padStart(16, '0');
}

/** Hashes around a few centres, some of them equal: at most `flips` bits from their centre. */
function clusteredHashes(count: number, centres: number, flips: number): string[] {
  const centre = randomHashes(centres);
  return Array.from({length: count}, () => flipped(centre[below(centres)], below(flips + 1)));
}

const sets: Record<string, string[]> = {
  random: randomHashes(100),
  clustered: clusteredHashes(150, 8, 6),
  'one loose cluster': clusteredHashes(150, 1, 10),
  'of few ones': Array.from({length: 150}, () => flipped('0'.repeat(16), 4)),
  equal: [...randomHashes(2), ...Array<string>(50).fill('0123456789abcdef'), ...randomHashes(2)],
  single: randomHashes(1),
  none: [],
};

/** Groups found by comparing every pair: each lower label spreads until nothing changes. */
function groupsByHand(hashes: string[], bits: number): number[][] {
  const label = hashes.map((_, index) => index);
  for (let changed = true; changed;) {
    changed = false;
    for (let i = 0; i < hashes.length; i++) {
      for (let j = 0; j < hashes.length; j++) {
        if (label[i] < label[j] && hashDistance(hashes[i], hashes[j]) <= bits) {
          label[j] = label[i];
          changed = true;
        }
      }
    }
  }
  return [...new Set(label)].map((first) => [...label.keys()].filter((index) => label[index] === first));
}

describe('duplicateGroups', () => {
  test('joins what is close directly or through others', () => {
    const chain = ['0000000000000000', '000000000000003f', '0000000000000fff', 'ffffffff00000000'];
    assert.deepEqual(duplicateGroups(chain, 6), [[0, 1, 2], [3]]);
    assert.deepEqual(duplicateGroups(chain, 5), [[0], [1], [2], [3]]);
  });

  for (const [name, hashes] of Object.entries(sets)) {
    test(`is the same as comparing every pair: ${name}`, () => {
      for (let bits = 0; bits <= 8; bits++) {
        assert.deepEqual(duplicateGroups(hashes, bits), groupsByHand(hashes, bits), `${bits} bits`);
      }
    });
  }
});

describe('closePairs', () => {
  for (const [name, hashes] of Object.entries(sets)) {
    test(`is the same as comparing every pair: ${name}`, () => {
      for (let bits = 0; bits <= 8; bits++) {
        for (let from = 0; from < hashes.length; from += 30) {
          const first = hashes.slice(from, from + 30);
          const second = [...hashes.slice(0, from), ...hashes.slice(from + 30)];
          const expected = first
            .flatMap((a, i) => second.map((b, j) => ({i, j, distance: hashDistance(a, b)})))
            .filter(({distance}) => distance <= bits)
            .filter(({j}, place, all) => all.findIndex((pair) => pair.j === j) === place)
            .map(({i, j}) => [i, j]);
          assert.deepEqual([...closePairs(first, second, bits)], expected, `${bits} bits from ${from} on`);
        }
      }
    });
  }
});

test('60,000 pictures, half of them the same, are searched without comparing all pairs', () => {
  const hashes = [...Array<string>(30000).fill('0123456789abcdef'), ...randomHashes(30000)];
  const start = process.cpuUsage();
  const groups = duplicateGroups(hashes, nearDuplicateBits);
  const pairs = [...closePairs(hashes.slice(0, 40000), hashes.slice(40000), nearDuplicateBits)];
  const {user, system} = process.cpuUsage(start);
  assert.equal(groups[0].length, 30000);
  assert.deepEqual(pairs, []);
  assert.ok(user + system < 4e6, `it took ${((user + system) / 1e6).toFixed(1)} s of processor time`);
});
