/** Labelling as a cell runs it: the photos of a folder, a person's page, a vision model. */
import {join} from 'node:path';
import {openDataset, type PhotoLabels} from '../datasets';
import {LabError} from '../errors';
import {escapeHtml} from '../html';
import {
  labelByVisionModel,
  type LabellingPage,
  Labels,
  modelOfEnvironment,
  openLabellingPage as openPage,
  type PageOptions,
  type SessionOutcome,
  type VisionOptions,
  type VisionOutcome,
} from '../labelling';
import type {Picture} from '../pictures';
import {showHtml, showWarning} from './display';
import {inProject, projectFolder} from './folder';
import {interruptible} from './interrupt';
import {ProgressLine} from './progress';

/** A file of labels, or one with the givers that count, the first named going before the others. */
export type LabelsChoice = string | {file: string; by?: readonly string[]};

/** What a file says of the photos. Throws a LabError when it holds no label. */
export function photoLabels(choice: LabelsChoice): PhotoLabels {
  const {file, by} = typeof choice === 'string' ? {file: choice, by: undefined} : choice;
  const source = inProject(file);
  const labels = new Labels(source);
  tellUnread(labels);
  const standing = labels.standing(by);
  if (standing.size === 0) {
    throw new LabError(
      `${source} holds no labels${by ? ` by ${by.join(' or ')}` : ''}. Check its name, or label some photos first.`,
    );
  }
  return {of: new Map([...standing].map(([photo, {label}]) => [photo, label])), source};
}

function tellUnread(labels: Labels): void {
  const unread = labels.unread();
  if (unread.length === 0) return;
  const lines = unread
    .slice(0, 5)
    .map(({line, reason, text}) => `line ${line} (${reason}): ${text.slice(0, 60)}`);
  const more = unread.length > lines.length ? `\nand ${unread.length - lines.length} more` : '';
  showWarning(`${labels.file}: what is no label stays in it and does not count: ${lines.join('\n')}${more}`);
}

/** The labels in a file, of these classes; the file is begun with the first label. */
export function openLabels(file: string, classes?: readonly string[]): Labels {
  const labels = new Labels(inProject(file), classes);
  tellUnread(labels);
  return labels;
}

/** The photos of a folder, flat or not, or of a data set by name, whatever it says of their classes. */
export async function openPhotos(
  dataset: string,
  {folder = projectFolder(), mirror}: {folder?: string; mirror?: string} = {},
): Promise<Picture[]> {
  const line = new ProgressLine();
  const stopped = `Opening ${dataset} was interrupted. Run the cell again to go on.`;
  const {photos, skipped} = await interruptible(stopped, (signal) =>
    openDataset(dataset, {
      dataFolder: join(folder, 'data'),
      mirror,
      unlabelled: true,
      signal,
      onWait: showWarning,
      onProgress: ({step, unit, done, total = null}) =>
        line.report({title: `${step} ${dataset}`, unit: unit === 'bytes' ? 'bytes' : 'images', done, total}),
    }),
  );
  line.finish(`${photos.length} photos${skipped.length > 0 ? ` · ${skipped.length} files skipped` : ''}`);
  return photos.map(({picture}) => picture);
}

export interface ShowPageOptions extends Omit<PageOptions, 'framed' | 'signal'> {
  /** The page stands below the cell, too. */
  frame?: boolean;
}

/** Opens the page on which a person labels, and shows where; the cell goes on at once. */
export async function openLabellingPage({
  frame = false,
  ...options
}: ShowPageOptions): Promise<LabellingPage> {
  tellUnread(options.labels);
  const page = await openPage({...options, framed: frame});
  showPage(page.address, frame);
  return page;
}

/** Has a person label photos on a page and waits until she has finished; the stop button ends it, too. */
export async function labelByHand({frame = false, ...options}: ShowPageOptions): Promise<SessionOutcome> {
  tellUnread(options.labels);
  return interruptible('Labelling was interrupted. Run the cell again to go on.', async (signal) => {
    const page = await openPage({...options, framed: frame, signal});
    showPage(page.address, frame);
    const outcome = await page.done;
    for (const {reason} of outcome.unreadable) showWarning(reason);
    const {labelled, skipped, ended} = outcome;
    showHtml(`<div>${labelled.size} photos labelled, ${skipped.length} skipped (${ended})</div>`);
    return outcome;
  });
}

function showPage(address: string, frame: boolean): void {
  const link = `<a href="${escapeHtml(address)}" target="_blank" rel="noreferrer">${escapeHtml(address)}</a>`;
  const below = frame
    ? `<iframe src="${escapeHtml(address)}" title="Labelling" style="width:100%;height:640px;border:1px solid #c3ccd4"></iframe>`
    : '';
  showHtml(`<div>Label the photos here, on this machine: ${link}</div>${below}`);
}

export interface ModelOptions extends Omit<
  VisionOptions,
  'address' | 'folder' | 'signal' | 'onProgress' | 'onWait'
> {
  /** Default: what `LABEL_API_URL`, `LABEL_API_KEY` and `LABEL_MODEL` name. */
  address?: VisionOptions['address'];
  /** Where the answers are kept. Default: `data/answers` of the project. */
  folder?: string;
}

/**
 * Has a vision model label photos, with progress; null, with the remedy told, where none is named. The stop button ends it;
 * run again, it goes on where it stood.
 */
export async function labelByModel({folder, ...options}: ModelOptions): Promise<VisionOutcome | null> {
  const address = options.address ?? modelOfEnvironment();
  if (!address) {
    showWarning(
      'No vision model is named. Set LABEL_API_URL, LABEL_API_KEY and LABEL_MODEL to one behind an OpenAI-compatible ' +
        'address, restart the kernel and run the cell again; the other ways of labelling need none.',
    );
    return null;
  }
  const {model} = address;
  const line = new ProgressLine();
  const outcome = await interruptible(
    `${model} was interrupted; its answers are kept. Run the cell again to go on.`,
    (signal) =>
      labelByVisionModel({
        ...options,
        address,
        folder: folder ?? join(projectFolder(), 'data', 'answers'),
        signal,
        onWait: showWarning,
        onProgress: ({done, total, cost}) =>
          line.report({
            title: cost === null ? model : `${model} · cost ${cost.toFixed(4)}`,
            unit: 'images',
            done,
            total,
          }),
      }),
  );
  line.finish(inWords(outcome));
  if (outcome.stopped) {
    showWarning(
      `Stopped: ${outcome.stopped}. ${outcome.unasked.length} photos were not asked about; run again to go on.`,
    );
  }
  for (const warning of outcome.warnings) showWarning(warning);
  return outcome;
}

function inWords({giver, labelled, reused, left, requests, cost}: VisionOutcome): string {
  const parts = [
    `${giver}: ${labelled} photos labelled (${reused} from kept answers)`,
    `${requests} requests`,
  ];
  if (cost !== null) parts.push(`cost ${cost.toFixed(4)}`);
  if (left.length > 0) parts.push(`${left.length} left to a person`);
  return parts.join(' · ');
}
