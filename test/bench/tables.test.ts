import assert from 'node:assert/strict';
import {describe, it} from 'node:test';
import {markdownTable, median, speedTable, withSection} from '../../bench/tables';

describe('tables of results', () => {
  it('has numbers stand right', () => {
    const columns = [
      ['network', 'text'],
      ['ratio', 'number'],
    ] as const;
    assert.equal(markdownTable(columns, [['a', '1.0']]), '| network | ratio |\n| --- | --: |\n| a | 1.0 |');
  });

  it('refuses a row of another length', () => {
    assert.throws(() => markdownTable([['network', 'text']], [['a', 'b']]), /2 cells, not 1/);
  });

  it('gives the geometric mean of the ratios of each work and precision', () => {
    const row = {name: 'a', work: 'training', size: 224, theirs: 10};
    const lines = speedTable([
      {...row, precision: 'float32', ours: 10},
      {...row, precision: 'float32', ours: 40},
      {...row, precision: 'bfloat16', ours: 5},
    ]).split('\n');
    assert.equal(lines[2], '| a | training, float32 | 224 | 10.0 | 10.0 | 1.00 |');
    assert.deepEqual(
      lines.slice(-2).map((line) => line.replaceAll('  ', ' ')),
      [
        '| geometric mean | training, float32 | | | | 2.00 |',
        '| geometric mean | training, bfloat16 | | | | 0.50 |',
      ],
    );
  });

  it('takes the middle value, of an even number the greater one of the middle', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 3, 2]), 3);
  });

  it('puts a section in the place of its old one and leaves the others', () => {
    const document = '# All\n\n## lab\n\nold\n\n## labels\n\nother\n';
    const changed = withSection(document, 'lab', 'new');
    assert.equal(changed, '# All\n\n## labels\n\nother\n\n## lab\n\nnew\n');
    assert.equal(withSection(changed, 'lab', 'new'), changed);
  });
});
