/** Whole labs beside PyTorch: what is compared, the split as PyTorch's side reads it, and the table; pure. */
import {relative} from 'node:path';
import {type Part, partNames, type Photo} from '../lib/datasets';
import type {Precision} from '../lib/engine';
import {type Column, geometricMean, grouped, markdownTable, median} from './tables';

/** The regimes as the peer calls them. */
export type PeerRegime = 'frozen' | 'last-stages' | 'full';

/** How the peer is written: as a student does it, or an expert. */
export type PeerMode = 'student' | 'expert';

/** What both sides are told. */
export interface LabSettings {
  regime: PeerRegime;
  /** Of each class, in all parts together, and in the training part. */
  photosPerClass: number;
  trainPhotosPerClass?: number;
  epochs: number;
  /** Augmented views that our side keeps of what is frozen; 0 for the plain one. */
  views: number;
}

/** What one side measured; the peer's last line has these names. */
export interface LabOutcome {
  /** Of the whole process. */
  seconds: number;
  secondsPerEpoch: number[];
  valMacroF1: number[];
  testMacroF1: number;
  peakRssMB: number;
}

export interface LabComparison {
  network: string;
  settings: LabSettings;
  size: number;
  mode: PeerMode;
  precision: Precision;
  photos: Record<Part, number>;
  ours: LabOutcome;
  theirs: LabOutcome;
}

/** A split as the peer's `--split` takes it: the photos of each part, by their paths below `root`, with their classes. */
export function peerSplit(
  classes: readonly string[],
  parts: Record<Part, readonly Photo[]>,
  root: string,
): {classes: readonly string[]} & Record<Part, [path: string, label: number][]> {
  const [train, val, test] = partNames.map((part) =>
    parts[part].map(({picture, label}): [string, number] => [relative(root, picture.place), label]),
  );
  return {classes, train, val, test};
}

const writers: Record<PeerMode, string> = {student: 'a student', expert: 'an expert'};

/** How many of the last stages train where not all do. */
export const unfrozen = 3;

const regimeNames: Record<PeerRegime, string> = {
  frozen: 'frozen',
  'last-stages': `last ${unfrozen} stages`,
  full: 'everything',
};

const columns: Column[] = [
  ['network', 'text'],
  ['regime', 'text'],
  ['PyTorch of', 'text'],
  ['precision', 'text'],
  ['pixels', 'number'],
  ['photos', 'number'],
  ['epochs', 'number'],
  ['seconds', 'number'],
  ['ratio', 'number'],
  ['an epoch', 'number'],
  ['memory, MB', 'number'],
  ['ratio', 'number'],
  ['validation', 'number'],
  ['test', 'number'],
];

/**
 * A row for each comparison, both sides in a cell as `ours / theirs`; then the geometric means of the ratios of each regime
 * beside each way to write PyTorch, each side taken in the precision in which it was quicker.
 */
export function labTable(comparisons: readonly LabComparison[]): string {
  const rows = comparisons.map((each) => {
    const {network, settings, size, mode, precision, photos, ours, theirs} = each;
    const both = (value: (outcome: LabOutcome) => number, digits: number) =>
      `${value(ours).toFixed(digits)} / ${value(theirs).toFixed(digits)}`;
    return [
      network,
      regimeNames[settings.regime],
      writers[mode],
      precision,
      String(size),
      partNames.map((part) => photos[part]).join(' + '),
      String(settings.epochs),
      both(({seconds}) => seconds, 1),
      (ours.seconds / theirs.seconds).toFixed(2),
      both(({secondsPerEpoch}) => median(secondsPerEpoch), 2),
      both(({peakRssMB}) => peakRssMB, 0),
      (ours.peakRssMB / theirs.peakRssMB).toFixed(2),
      both(({valMacroF1}) => Math.max(...valMacroF1), 3),
      both(({testMacroF1}) => testMacroF1, 3),
    ];
  });
  const means = [...grouped(comparisons, ({settings, mode}) => `${settings.regime} ${mode}`).values()].map(
    (each) => {
      const [{settings, mode}] = each;
      const networks = [...grouped(each, ({network}) => network).values()];
      const ratio = (value: (outcome: LabOutcome) => number) =>
        geometricMean(
          networks.map(
            (precisions) => quickest(precisions, 'ours', value) / quickest(precisions, 'theirs', value),
          ),
        );
      const seconds = ratio((outcome) => outcome.seconds);
      const memory = ratio(({peakRssMB}) => peakRssMB);
      const cells = ['geometric mean', regimeNames[settings.regime], writers[mode], 'the quicker one'];
      return [...cells, '', '', '', '', seconds.toFixed(2), '', '', memory.toFixed(2), '', ''];
    },
  );
  return markdownTable(columns, [...rows, ...means]);
}

/** A value of a side in the precision in which it was quickest. */
function quickest(
  comparisons: readonly LabComparison[],
  side: 'ours' | 'theirs',
  value: (outcome: LabOutcome) => number,
): number {
  const outcomes = comparisons.map((each) => each[side]);
  return value(outcomes.reduce((best, each) => (each.seconds < best.seconds ? each : best)));
}
