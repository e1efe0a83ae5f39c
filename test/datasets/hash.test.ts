import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import sharp, {type Sharp} from 'sharp';

import {duplicateGroups, hashDistance, nearDuplicateBits, perceptualHash} from '../../lib/datasets';
import {closePairs} from '../../lib/datasets/hash';
import {renderDrawing} from '../../lib/datasets/drawings';
import {mulberry32} from '../../lib/random';

async function hashOf(image: Sharp): Promise<string> {
  const grey = await image.toColourspace('b-w').resize(32, 32, {fit: 'fill'}).raw().toBuffer();
  return perceptualHash(grey)!;
}

test('hashDistance counts differing bits', () => {
  assert.equal(hashDistance('0000000000000000', 'ffffffffffffffff'), 64);
  assert.equal(hashDistance('8000000000000001', '0000000000000000'), 2);
  assert.equal(hashDistance('fedcba9876543210', 'fedcba9876543210'), 0);
});

test('duplicateGroups joins what is close directly or through others, the same as comparing by hand', () => {
  const chain = ['0000000000000000', '000000000000003f', '0000000000000fff', 'ffffffff00000000'];
  assert.deepEqual(duplicateGroups(chain, 6), [[0, 1, 2], [3]]);
  assert.deepEqual(duplicateGroups(chain, 5), [[0], [1], [2], [3]]);
  const random = mulberry32(3);
  const hashes = Array.from({length: 60}, () =>
    Array.from({length: 16}, () => (random() < 0.8 ? '0' : '1')).join(''),
  );
  const pairs = closePairs(hashes, 3);
  for (let i = 0; i < hashes.length; i++) {
    for (let j = i + 1; j < hashes.length; j++) {
      const listed = pairs.some(([a, b]) => a === i && b === j);
      assert.equal(listed, hashDistance(hashes[i], hashes[j]) <= 3);
    }
  }
});

test('a flat picture has no hash', () => {
  assert.equal(perceptualHash(new Uint8Array(1024).fill(200)), undefined);
});

describe('perceptualHash', () => {
  test('stays within the limit for copies and leaves it for other pictures', async () => {
    const original = await renderDrawing('paper', 5);
    const hash = await hashOf(sharp(original));
    const copies: Sharp[] = [
      sharp(await sharp(original).jpeg({quality: 40}).toBuffer()),
      sharp(await sharp(original).resize(128).png().toBuffer()),
      sharp(await sharp(original).modulate({brightness: 1.1}).jpeg().toBuffer()),
      sharp(await sharp(original).grayscale().webp().toBuffer()),
    ];
    for (const copy of copies) assert.ok(hashDistance(hash, await hashOf(copy)) <= nearDuplicateBits);
    for (const [name, seed] of [
      ['paper', 6],
      ['metal', 5],
      ['trash', 5],
    ] as const) {
      const other = await hashOf(sharp(await renderDrawing(name, seed)));
      assert.ok(hashDistance(hash, other) > nearDuplicateBits);
    }
  });
});
