/**
 * The table of the backbones: npm run backbones, or with --json as data. Parameters and multiply-adds are counted, on the
 * whole network with its ImageNet head; accuracy is as published.
 */
import {join} from 'node:path';
import {architectureNames, findArchitecture, type Paper, weightsAtHand} from '../lib/backbones';

const folder = join(__dirname, '..', 'models', 'weights');

const rows = architectureNames.map((name) => {
  const architecture = findArchitecture(name);
  const {title, paper, weights, preprocessing, stages, featureShape} = architecture;
  return {
    name,
    title,
    ...architecture.cost(),
    inputSize: preprocessing.crop,
    features: featureShape[0],
    stages: stages.map((stage) => stage.name),
    imagenetTop1: weights?.accuracy ?? null,
    licence: weights?.licence ?? null,
    checkpoint: weights?.source ?? null,
    atHand: weightsAtHand(architecture, {folder}),
    paper,
  };
});

function citation({authors, year, url}: Paper): string {
  const [first, second, third] = authors.split(', ');
  const names = third ? `${first} et al.` : second ? `${first} and ${second}` : first;
  return `${names} ${year}, ${url.replace('https://arxiv.org/abs/', 'arXiv:')}`;
}

/** Columns as wide as their longest cell; numbers stand right. */
function table(header: string[], lines: string[][]): string {
  const widths = header.map((title, i) =>
    Math.max(...[title, ...lines.map((line) => line[i])].map(({length}) => length)),
  );
  const isNumber = (i: number) => lines.every((line) => /^[\d.]*$/.test(line[i]));
  const write = (cells: string[]) =>
    cells
      .map((cell, i) => (isNumber(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i])))
      .join('  ')
      .trimEnd();
  return [header, widths.map((width) => '-'.repeat(width)), ...lines].map(write).join('\n');
}

if (process.argv.includes('--json')) {
  console.log(JSON.stringify(rows, null, 2));
} else {
  const header = [
    'name',
    'parameters, M',
    'multiply-adds, G',
    'input',
    'stages',
    'top-1, %',
    'licence',
    'weights',
    'paper',
  ];
  const lines = rows.map((row) => [
    row.name,
    (row.parameters / 1e6).toFixed(2),
    (row.multiplyAdds / 1e9).toFixed(3),
    String(row.inputSize),
    String(row.stages.length),
    row.imagenetTop1?.toFixed(2) ?? '',
    row.licence ?? '',
    row.atHand ? 'at hand' : 'to fetch',
    citation(row.paper),
  ]);
  console.log(table(header, lines));
}
