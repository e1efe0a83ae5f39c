/**
 * Time and memory of a lab over the number of its pictures, each in a process of its own, on records of CIFAR-10; then over
 * many epochs on frozen features. Usage: npm run bench -- scale [PICTURES...]
 */
import {copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {catalogued, openDataset} from '../lib/datasets';
import {LabError} from '../lib/errors';
import {recordPixels} from '../lib/pictures';
import {answerTo} from './child';
import {writeSection} from './results';
import {epochsTable, scaleTable} from './scale-tables';
import type {ScaleReport, ScaleRequest} from './scale-run';

const project = join(__dirname, '..');

/** Two pairs of which one has 30 times as many pictures as the other. */
const sizes = [500, 2000, 6000, 15_000, 60_000];
const fewEpochs = 10;
const manyEpochs = 200;

const {records} = catalogued('cifar10')!;
const recordFiles = [...records!.files.train!, ...records!.files.test!];

/** A folder of CIFAR-10's layout with so many of its pictures, the same share of each file. */
function cutRecords(from: string, to: string, pictures: number): void {
  mkdirSync(to);
  copyFileSync(join(from, records!.names), join(to, records!.names));
  for (const [index, name] of recordFiles.entries()) {
    const count = Math.floor((pictures + index) / recordFiles.length);
    writeFileSync(join(to, name), readFileSync(join(from, name)).subarray(0, count * (1 + recordPixels)));
  }
}

/** A lab on so many pictures, from an empty folder to its end. */
async function measure(pictures: number, epochs: number): Promise<ScaleReport> {
  const folder = mkdtempSync(join(tmpdir(), 'scale-'));
  try {
    const dataset = join(folder, 'pictures');
    cutRecords(join(project, 'data', 'cifar10', 'records'), dataset, pictures);
    const request: ScaleRequest = {dataset, home: join(folder, 'home'), epochs};
    return await answerTo<ScaleReport>(join(__dirname, 'scale-run.ts'), request);
  } finally {
    rmSync(folder, {recursive: true});
  }
}

export async function scale(numbers: string[]): Promise<void> {
  const wanted = numbers.length > 0 ? numbers.map(Number) : sizes;
  const most = (await openDataset('cifar10', {dataFolder: join(project, 'data'), mirror: ''})).photos.length;
  const stray = wanted.find((pictures) => !(pictures >= 200 && pictures <= most));
  if (stray !== undefined)
    throw new LabError(`${stray} pictures cannot be taken. Give numbers from 200 to ${most}.`);
  const reports: ScaleReport[] = [];
  for (const pictures of wanted) {
    const report = await measure(pictures, fewEpochs);
    reports.push(report);
    const seconds = report.steps.reduce((sum, step) => sum + step.seconds, 0);
    const megabytes = report.steps.at(-1)!.peak / 2 ** 20;
    console.log(
      `${String(pictures).padStart(6)} pictures: ${seconds.toFixed(1)} s, ${megabytes.toFixed(0)} MB`,
    );
  }
  const {epochs} = await measure(wanted[Math.min(1, wanted.length - 1)], manyEpochs);
  const [first, last] = [epochs[fewEpochs - 1], epochs.at(-1)!];
  console.log(
    `${manyEpochs} epochs: ${first.tensors} tensors after epoch ${fewEpochs}, ${last.tensors} after the last; ` +
      `${(first.resident / 2 ** 20).toFixed(0)} and ${(last.resident / 2 ** 20).toFixed(0)} MB`,
  );
  writeSection(
    'scale',
    `A lab on pictures of CIFAR-10 at 32 pixels, from an empty folder: opening it, MobileNetV2 frozen with ${fewEpochs} epochs of a head on its ` +
      `features, and one epoch of a small network on the pictures. Each number of pictures in a process of its own; memory is its peak. ` +
      `Then ${manyEpochs} epochs of a head on the same features.`,
    scaleTable(reports),
    epochsTable(epochs, [1, fewEpochs, manyEpochs / 2, manyEpochs]),
  );
}
