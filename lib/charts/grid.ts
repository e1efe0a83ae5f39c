import {escapeHtml} from '../html';
import {LabError} from '../errors';
import {mulberry32, shuffled} from '../random';
import type {Prediction, RunRecord} from '../runs';
import {FAINT_INK, INK} from './figure';
import {heading, percent} from './text';

export interface GridItem {
  /** A data URI, so that notebooks and reports need no other file. */
  image: string;
  /** Below the picture, and its text for those who cannot see it. */
  caption: string;
  /** A second, fainter line, cut off where the card ends; hovering tells all of it. */
  detail?: string;
  /** Marks a prediction, by colour and by sign; 'plain' unless given. */
  tone?: Tone;
}

export type Tone = 'right' | 'wrong' | 'plain';

export interface GridOptions {
  title: string;
  /** A line below the title: a batch's shape and value range, or how the pictures were chosen. */
  subtitle?: string;
  /** Pictures per row; 6 unless given. */
  columns?: number;
  /** What the title has to own up to: what stood in for photos and networks. */
  standIns?: readonly string[];
  /** What to say when there is no item; 'Nothing to show.' unless given. */
  empty?: string;
}

const TONES: Readonly<Record<Tone, {colour: string; sign: string}>> = {
  right: {colour: '#0072b2', sign: '✓ '},
  wrong: {colour: '#d55e00', sign: '✗ '},
  plain: {colour: '#c3ccd4', sign: ''},
};

/**
 * Pictures with captions as HTML: white cards in a grid, styled inline, because JupyterLab drops style sheets from notebooks
 * it does not trust. Throws LabError for pictures that are not data URIs and for columns that are not a whole number from 1.
 */
export function imageGrid(items: readonly GridItem[], options: GridOptions): string {
  const {title, subtitle = '', columns = 6, standIns = [], empty = 'Nothing to show.'} = options;
  if (!Number.isInteger(columns) || columns < 1) {
    throw new LabError(`A grid has a whole number of columns from 1 on, not ${columns}.`);
  }
  const content =
    items.length === 0
      ? line(empty, 13, FAINT_INK)
      : `<div style="display:grid;grid-template-columns:repeat(${columns}, minmax(0, 1fr));gap:10px">${items.map(card).join('')}</div>`;
  return [
    `<div style="background-color:#ffffff;color:${INK};padding:14px;font-family:system-ui, sans-serif;line-height:1.35">`,
    `<div style="font-size:17px;font-weight:bold">${escapeHtml(heading(title, standIns))}</div>`,
    subtitle === '' ? '' : line(subtitle, 13, FAINT_INK),
    `<div style="margin-top:10px">${content}</div>`,
    '</div>',
  ].join('');
}

function card({image, caption, detail, tone = 'plain'}: GridItem): string {
  if (!image.startsWith('data:image/')) {
    throw new LabError(
      `The picture "${caption}" is given as ${image.slice(0, 40)}; a grid needs data:image/... URIs.`,
    );
  }
  const {colour, sign} = TONES[tone];
  return [
    `<figure style="margin:0px;border:1px solid #dde3e8;border-top:4px solid ${colour};background-color:#ffffff">`,
    `<img src="${escapeHtml(image)}" alt="${escapeHtml(detail ? `${caption}, ${detail}` : caption)}" style="width:100%;height:auto;display:block;margin:0px">`,
    '<figcaption style="padding:5px 7px;overflow-wrap:break-word">',
    line(sign + caption, 13, INK),
    detail ? line(detail, 12, FAINT_INK, 'cut off') : '',
    '</figcaption></figure>',
  ].join('');
}

/** A line that is too long is wrapped, or cut off and whole in its tooltip. */
function line(text: string, size: number, colour: string, overflow?: 'cut off'): string {
  const style = `font-size:${size}px;color:${colour}`;
  if (!overflow) return `<div style="${style}">${escapeHtml(text)}</div>`;
  const cutOff = 'white-space:nowrap;overflow:hidden;text-overflow:ellipsis';
  return `<div title="${escapeHtml(text)}" style="${style};${cutOff}">${escapeHtml(text)}</div>`;
}

/** A prediction, worded for a card of a grid, to which the picture is to be added. */
export interface PredictionCard {
  /** Of the photo, as the dataset knows it. */
  path: string;
  caption: string;
  detail: string;
  tone: 'right' | 'wrong';
}

/** The mistakes a run was surest of, surest first. */
export function worstMistakes(run: RunRecord, count = 12): PredictionCard[] {
  return (run.result?.predictions ?? [])
    .filter(({truth, predicted}) => truth !== predicted)
    .sort((a, b) => b.probability - a.probability)
    .slice(0, count)
    .map((prediction) => predictionCard(prediction, run));
}

/** Some of a run's predictions, right and wrong as they fall; `seed` draws them. */
export function somePredictions(run: RunRecord, count = 6, seed = 1): PredictionCard[] {
  return shuffled(run.result?.predictions ?? [], mulberry32(seed))
    .slice(0, count)
    .map((prediction) => predictionCard(prediction, run));
}

function predictionCard(
  {path, truth, predicted, probability}: Prediction,
  {configuration: {classes}}: RunRecord,
): PredictionCard {
  return {
    path,
    caption: `${classes[predicted]} (${percent(probability)})`,
    detail: `truth: ${classes[truth]}`,
    tone: truth === predicted ? 'right' : 'wrong',
  };
}
