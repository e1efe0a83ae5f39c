/** Labels by a pretrained network and what they are worth, as a cell shows them. */
import * as charts from '../charts';
import type {Workspace} from '../experiments';
import {
  type Agreement,
  labelOffline,
  labellingNetworks,
  type OfflineLabels,
  type OfflineOptions,
  pretrainedNetwork,
} from '../labelling';
import {partNames} from '../datasets';
import {showHtml, showWarning} from './display';
import {photosInstead} from './grids';
import {interruptible} from './interrupt';
import {ProgressLine} from './progress';

export interface LabelOfflineOptions extends Pick<OfflineOptions, 'places' | 'frequencies' | 'least'> {
  /** The networks to be tried, the first that can be had labels. Default: DeiT-Tiny, SqueezeNet 1.1, EfficientNet-Lite0. */
  networks?: readonly string[];
}

/** Labels of all photos of a workspace, and the title of the network that gave them; null where none could be had. */
export interface LabelledOffline extends OfflineLabels {
  network: string | null;
}

/** Labels every photo by the first pretrained network that can be had; without any, all are left to a person. */
export async function labelPhotosOffline(
  {dataset, split, weightsFolder, mirror}: Workspace,
  {networks = labellingNetworks, ...options}: LabelOfflineOptions = {},
): Promise<LabelledOffline> {
  const line = new ProgressLine();
  const photos = partNames.flatMap((part) => split.parts[part]);
  const stopped = 'The labelling was interrupted. Run the cell again.';
  return interruptible(stopped, async (signal) => {
    const onProgress = ({received, total}: {received: number; total?: number | null}) =>
      line.report({title: 'weights', unit: 'bytes', done: received, total: total ?? null});
    const found =
      dataset.standIn === 'drawings'
        ? null
        : await pretrainedNetwork(
            {folder: weightsFolder, mirror, signal, onProgress, onWait: showWarning},
            networks,
          );
    if (!found) {
      showWarning(
        `No pretrained network can be had, so all ${photos.length} photos are left to a person. Set LAB_MIRROR to a folder or ` +
          `base URL that holds weights/${networks[0]}.safetensors.`,
      );
      return {network: null, labels: new Map(), left: photos.map(({picture}) => picture.key)};
    }
    try {
      const report = (done: number, total: number) =>
        line.report({title: `labels by ${found.title}`, unit: 'images', done, total});
      const {classes} = split;
      const labels = await labelOffline(photos, found, {...options, classes, signal, onProgress: report});
      line.finish();
      return {network: found.title, ...labels};
    } finally {
      found.learner.dispose();
    }
  });
}

/** The table of agreements, and a line on each way that gives every photo the same label. */
export function showAgreements(agreements: readonly Agreement[], {dataset}: Workspace): void {
  showHtml(charts.agreementTable(agreements, {standIns: photosInstead(dataset)}));
  for (const {way, only} of agreements) {
    if (only === null) continue;
    showWarning(
      `${way} says "${only}" of every photo, so it does not look at them: do not use its labels. Try another model or prompt, or label by hand.`,
    );
  }
}
