import assert from 'node:assert/strict';
import {describe, test} from 'node:test';
import sharp, {type Sharp} from 'sharp';

import {hashDistance, nearDuplicateBits, perceptualHash} from '../../lib/datasets';
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

test('a flat picture has no hash', () => {
  assert.equal(perceptualHash(new Uint8Array(1024).fill(200)), undefined);
});

describe('perceptualHash', () => {
  test('keeps the digits that stored scans hold', () => {
    const picture = (level: (x: number, y: number) => number) =>
      Uint8Array.from({length: 1024}, (_, index) => level(index % 32, index >> 5));
    const random = mulberry32(1);
    const noise = picture(() => 256 * random());
    const disc = picture((x, y) => (Math.hypot(x - 12, y - 20) < 9 ? 220 : 30 + x));
    assert.equal(perceptualHash(noise), 'c2c8532eca5ae2d7');
    assert.equal(perceptualHash(disc), '6c7d821f9f6448e2');
  });

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
