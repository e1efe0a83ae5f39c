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
import {showWarning, warningHtml} from './display';
import {photosInstead} from './grids';
import {interruptible} from './interrupt';
import {download} from './preparation';
import {ProgressLine} from './progress';

export interface LabelOfflineOptions extends Pick<OfflineOptions, 'places' | 'frequencies' | 'least'> {
  /** The networks to be tried, the first that can be had labels. Default: DeiT-Tiny, EfficientNet-Lite0, SqueezeNet 1.1. */
  networks?: readonly string[];
}

/** Labels of all photos of a workspace, and the title of the network that gave them; null where none could be had. */
export interface LabelledOffline extends OfflineLabels {
  network: string | null;
}

/** Labels every photo by the first pretrained network that can be had; without any, all are left to a person. */
export async function labelPhotosOffline(
  workspace: Workspace,
  {networks = labellingNetworks, ...options}: LabelOfflineOptions = {},
): Promise<LabelledOffline> {
  const {classes, parts} = workspace.split;
  const photos = partNames.flatMap((part) => parts[part]);
  const line = new ProgressLine();
  return interruptible('The labelling was interrupted. Run the cell again.', async (signal) => {
    const hooks = {signal, onDownload: download(() => line), onWarning: showWarning};
    const found = await pretrainedNetwork(workspace, hooks, networks);
    if (!found) {
      showWarning(
        `No pretrained network can be had, so all ${photos.length} photos are left to a person. Run where the weights' hosts ` +
          `can be reached, or set LAB_MIRROR to a folder or base URL that holds weights/${networks[0]}.safetensors.`,
      );
      return {network: null, labels: new Map(), left: photos.map(({picture}) => picture.key)};
    }
    try {
      const onProgress = (done: number, total: number) =>
        line.report({title: `labels by ${found.title}`, unit: 'images', done, total});
      const labelled = await labelOffline(photos, found, {...options, classes, signal, onProgress});
      line.finish();
      return {network: found.title, ...labelled};
    } finally {
      found.learner.dispose();
    }
  });
}

/** The table of agreements, and below it a line on each way that gives every photo the same label. */
export function agreementsHtml(agreements: readonly Agreement[], {dataset}: Workspace): string {
  const warnings = agreements.flatMap(({way, only}) =>
    only === null
      ? []
      : warningHtml(
          `${way} says "${only}" of every photo, so it does not look at them: do not use its labels. ` +
            `Try another model or prompt, or label by hand.`,
        ),
  );
  return [charts.agreementTable(agreements, {standIns: photosInstead(dataset)}), ...warnings].join('');
}
