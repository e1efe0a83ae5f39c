/**
 * Drawings that stand in for photos where none can be had: each garbage class has a form of its own, drawn with random
 * colours, places, sizes, angles, shadows and noise. A seed determines every picture.
 */
import {mkdir, readFile, rename, rm, writeFile} from 'node:fs/promises';
import {availableParallelism} from 'node:os';
import * as path from 'node:path';

import {sharp} from '../pictures';
import {fnv1a, mulberry32} from '../random';
import {type WaitOptions, withLock, writingError} from '../storage';
import {garbageClasses} from './catalogue';
import {inParallel} from './parallel';

export interface DrawingOptions extends WaitOptions {
  /** Default 1. */
  seed?: number;
  /** Pictures of each class. Default 40. */
  perClass?: number;
  onProgress?: (done: number, total: number) => void;
}

export type DrawnClass = (typeof garbageClasses)[number];

const width = 256;
const height = 192;

/** Raised when the drawings change, so that older ones are drawn anew. */
const version = 1;

/** A random number between two bounds. */
type Between = (low: number, high: number) => number;

/** A form around the origin, about 100 units across, as SVG. */
type Form = (between: Between) => string;

const hsl = (hue: number, saturation: number, lightness: number) =>
  `hsl(${hue.toFixed(0)}, ${saturation.toFixed(0)}%, ${lightness.toFixed(0)}%)`;

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({length: count}, (_, i) => make(i));

/** A closed outline through `corners` points around the origin, each at a random share of the radius. */
function outline(between: Between, corners: number, radius: number, least: number): string {
  const points = times(corners, (corner) => {
    const angle = (2 * Math.PI * (corner + between(-0.3, 0.3))) / corners;
    const distance = radius * between(least, 1);
    return `${(distance * Math.cos(angle)).toFixed(1)},${(distance * Math.sin(angle)).toFixed(1)}`;
  });
  return points.join(' ');
}

const forms: Record<DrawnClass, Form> = {
  /** An open box: a brown front with corrugations and a flap. */
  cardboard: (between) => {
    const hue = between(22, 38);
    const light = between(42, 62);
    const [w, h] = [between(70, 110), between(50, 80)];
    const flap = between(15, 35);
    const lines = times(Math.floor(between(5, 10)), (i) => {
      const y = -h / 2 + ((i + 0.5) * h) / 9;
      return `<line x1="${-w / 2}" x2="${w / 2}" y1="${y}" y2="${y}" stroke="${hsl(hue, 40, light - 12)}"/>`;
    });
    return (
      `<rect x="${-w / 2}" y="${-h / 2}" width="${w}" height="${h}" fill="${hsl(hue, 45, light)}"/>${lines.join('')}` +
      `<path d="M${-w / 2},${-h / 2} l${flap},${-flap} h${w - flap / 2} l${-flap / 2},${flap} z" fill="${hsl(hue, 45, light + 12)}"/>`
    );
  },
  /** A bottle one can look through: a long neck, a bright streak. */
  glass: (between) => {
    const tint = hsl(between(70, 180), between(15, 60), between(30, 70));
    const [body, neck] = [between(16, 24), between(5, 9)];
    return (
      `<path d="M${-neck},-55 h${2 * neck} v30 q0,12 ${body - neck},22 v50 q0,8 -8,8 h${16 - 2 * body} q-8,0 -8,-8 v-50 ` +
      `q${body - neck},-10 ${body - neck},-22 z" fill="${tint}" fill-opacity="${between(0.25, 0.5)}" ` +
      `stroke="${tint}" stroke-width="2.5"/>` +
      `<line x1="${-body / 2}" x2="${-body / 2}" y1="5" y2="42" stroke="white" stroke-opacity="0.8" stroke-width="4"/>`
    );
  },
  /** A can: grey shades across, rims, a coloured band on some. */
  metal: (between) => {
    const [w, h] = [between(44, 62), between(60, 90)];
    const stripes = times(8, (i) => {
      const shade = hsl(210, between(2, 10), 45 + 40 * Math.abs(Math.sin(i * 1.1 + between(0, 0.8))));
      return `<rect x="${-w / 2 + (i * w) / 8}" y="${-h / 2}" width="${w / 8 + 0.5}" height="${h}" fill="${shade}"/>`;
    });
    const band = hsl(between(0, 360), 70, 45);
    const share = between(0, 0.6) > 0.3 ? between(0.2, 0.5) : 0;
    const rim = (y: number, fill: string) =>
      `<ellipse cx="0" cy="${y}" rx="${w / 2}" ry="${w / 7}" fill="${fill}" stroke="#666" stroke-width="1.5"/>`;
    return (
      `${rim(h / 2, '#999')}${stripes.join('')}<rect x="${-w / 2}" y="${(-h * share) / 2}" width="${w}" height="${h * share}" ` +
      `fill="${band}" fill-opacity="0.75"/>${rim(-h / 2, '#ccc')}`
    );
  },
  /** A pale sheet with lines of writing. */
  paper: (between) => {
    const [w, h] = [between(60, 85), between(75, 105)];
    const ink = hsl(between(200, 260), between(0, 50), between(15, 45));
    const rows = Math.floor(between(7, 13));
    const lines = times(rows, (i) => {
      const y = -h / 2 + ((i + 1) * h) / (rows + 1);
      const length = w * between(0.4, 0.85);
      return `<line x1="${-0.43 * w}" x2="${-0.43 * w + length}" y1="${y}" y2="${y}" stroke="${ink}" stroke-width="2" stroke-dasharray="${between(3, 12)} 3"/>`;
    });
    return `<rect x="${-w / 2}" y="${-h / 2}" width="${w}" height="${h}" fill="${hsl(between(35, 60), 20, between(86, 98))}"/>${lines.join('')}`;
  },
  /** A bottle or tub in a loud colour with a cap and ribs. */
  plastic: (between) => {
    const hue = between(0, 360);
    const [w, h] = [between(38, 60), between(55, 80)];
    const ribs = times(5, (i) => {
      const y = -h / 2 + ((i + 1) * h) / 6;
      return `<path d="M${-w / 2},${y} q${w / 2},6 ${w},0" fill="none" stroke="white" stroke-opacity="0.55" stroke-width="3"/>`;
    });
    return (
      `<rect x="${-w / 2}" y="${-h / 2}" width="${w}" height="${h}" rx="${w / 3}" fill="${hsl(hue, between(60, 95), between(45, 70))}" fill-opacity="0.85"/>` +
      `${ribs.join('')}<rect x="${-w / 5}" y="${-h / 2 - 13}" width="${w / 2.5}" height="15" rx="2" fill="${hsl(hue + 150, 80, 45)}"/>`
    );
  },
  /** A heap of torn scraps of all colours. */
  trash: (between) =>
    times(Math.floor(between(7, 13)), () => {
      const place = `translate(${between(-38, 38).toFixed(1)} ${between(-28, 28).toFixed(1)})`;
      const colour = hsl(between(0, 360), between(5, 60), between(15, 75));
      return `<polygon transform="${place}" points="${outline(between, Math.floor(between(4, 9)), between(12, 30), 0.35)}" fill="${colour}"/>`;
    }).join(''),
};

/** One drawing as SVG text, 256 x 192; the same generator state gives the same drawing. */
export function drawingSvg(name: DrawnClass, random: () => number): string {
  const between: Between = (low, high) => low + (high - low) * random();
  const table = hsl(between(0, 360), between(0, 30), between(55, 92));
  const shade = hsl(between(0, 360), between(0, 30), between(35, 75));
  const slant = `x1="${random()}" y1="${random()}" x2="${random()}" y2="${random()}"`;
  const place = `translate(${between(0.36, 0.64) * width} ${between(0.4, 0.6) * height})`;
  const form = forms[name](between);
  const turned = `rotate(${between(-40, 40)}) scale(${between(0.8, 1.45)})`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">` +
    `<defs><linearGradient id="light" ${slant}><stop offset="0" stop-color="${table}"/>` +
    `<stop offset="1" stop-color="${shade}"/></linearGradient></defs>` +
    `<rect width="${width}" height="${height}" fill="url(#light)"/>` +
    `<g transform="${place}"><ellipse cx="${between(-15, 15)}" cy="${between(40, 60)}" rx="${between(40, 75)}" ` +
    `ry="${between(8, 22)}" fill="black" fill-opacity="${between(0.05, 0.25)}"/>` +
    `<g transform="${turned}">${form}</g></g></svg>`
  );
}

/** One drawing as the bytes of a JPEG file, with the grain of a camera. */
export async function renderDrawing(name: DrawnClass, seed: number): Promise<Buffer> {
  const random = mulberry32(seed);
  const svg = drawingSvg(name, random);
  const pixels = await sharp(Buffer.from(svg)).flatten().toColourspace('srgb').raw().toBuffer();
  const grain = 8 + 20 * random();
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = Math.max(0, Math.min(255, pixels[i] + grain * (random() + random() - 1)));
  }
  return sharp(pixels, {raw: {width, height, channels: 3}})
    .jpeg({quality: 85})
    .toBuffer();
}

/**
 * Draws the six garbage classes into `<home>/photos/<class>/`, unless the same drawings are there already; what is there
 * otherwise is replaced, splits of it included. Throws LabError when the disk does not take them.
 */
export async function drawPhotos(home: string, options: DrawingOptions = {}): Promise<void> {
  const {seed = 1, perClass = 40} = options;
  const recipe = JSON.stringify({version, seed, perClass});
  const isDrawn = async () =>
    (await readFile(path.join(home, 'drawings.json'), 'utf8').catch(() => '')) === recipe;
  if (await isDrawn()) return;
  await withLock(`${home}.lock`, `The drawings in ${home} are being drawn`, options, async () => {
    if (!(await isDrawn())) await drawAll(home, recipe, {...options, seed, perClass});
  });
}

async function drawAll(
  home: string,
  recipe: string,
  {seed, perClass, onProgress, signal}: DrawingOptions & {seed: number; perClass: number},
): Promise<void> {
  const wanted = garbageClasses.flatMap((name) => times(perClass, (index) => ({name, index: index + 1})));
  const temporary = `${home}.part`;
  let done = 0;
  try {
    await rm(temporary, {recursive: true, force: true});
    for (const name of garbageClasses) await mkdir(path.join(temporary, 'photos', name), {recursive: true});
    await inParallel(wanted, availableParallelism(), async ({name, index}) => {
      signal?.throwIfAborted();
      const bytes = await renderDrawing(name, fnv1a(`${seed}/${name}${index}`));
      await writeFile(path.join(temporary, 'photos', name, `${name}${index}.jpg`), bytes);
      onProgress?.(++done, wanted.length);
    });
    await writeFile(path.join(temporary, 'drawings.json'), recipe);
    await rm(home, {recursive: true, force: true});
    await rename(temporary, home);
  } catch (error) {
    throw writingError(error, home);
  } finally {
    await rm(temporary, {recursive: true, force: true});
  }
}
