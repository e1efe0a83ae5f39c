/**
 * Photos on hover: Plotly's hover boxes hold text alone. A figure names a sheet of photos in `layout.meta.photos`, and the
 * numbers of its points' photos in `customdata`; this output carries the sheet once and, for every such figure of the page,
 * shows the photo beside the pointer. Where scripts of outputs do not run (a notebook that JupyterLab does not trust, until
 * its cell is run), the figure is whole but for the photos.
 */
import {LabError} from '../errors';
import {fnv1a} from '../random';
import {FAINT_INK, INK} from './figure';

export interface HoverPhotosOptions {
  /** Many small photos in one picture, row by row, as a `data:` address. */
  image: string;
  /** Pixels of a photo's side. */
  side: number;
  /** Photos in a row. */
  columns: number;
  /** What stands below each photo. */
  captions: readonly string[];
}

/** What figures name the sheet by: the same photos, the same name. */
export const photosId = ({image, captions}: HoverPhotosOptions): string =>
  `photos-${fnv1a(image + captions.join('\n')).toString(16)}`;

/** In the browser: a sheet joins those of the page; the first one brings the card and listens to the page's figures. */
const SCRIPT = `(id, sheet) => {
  const page = (window.transferLabPhotos ??= {sheets: {}, card: null, figure: null});
  page.sheets[id] = sheet;
  if (page.card) return;
  const card = (page.card = document.createElement('div'));
  card.className = 'transfer-lab-photo';
  card.style.cssText = 'display:none;position:fixed;z-index:10000;pointer-events:none;padding:6px;background:#ffffff;border:1px solid ${FAINT_INK};color:${INK};font:12px system-ui,sans-serif';
  const photo = card.appendChild(document.createElement('div'));
  const caption = card.appendChild(document.createElement('div'));
  document.body.appendChild(card);
  const show = ({points: [point], event}) => {
    const of = page.sheets[page.figure.layout.meta.photos];
    const index = point.customdata;
    if (!of || !(index in of.captions)) return;
    const size = 3 * of.side;
    photo.style.cssText = 'width:' + size + 'px;height:' + size + 'px;background-image:url("' + of.image + '")';
    photo.style.backgroundSize = size * of.columns + 'px auto';
    photo.style.backgroundPosition = -size * (index % of.columns) + 'px ' + -size * Math.floor(index / of.columns) + 'px';
    caption.textContent = of.captions[index];
    caption.style.cssText = 'max-width:' + size + 'px;overflow-wrap:anywhere';
    card.style.display = 'block';
    const beside = event.clientX + card.offsetWidth + 24 < window.innerWidth ? 16 : -16 - card.offsetWidth;
    card.style.left = event.clientX + beside + 'px';
    card.style.top = Math.max(0, Math.min(event.clientY + 16, window.innerHeight - card.offsetHeight)) + 'px';
  };
  const hide = () => (card.style.display = 'none');
  document.addEventListener('pointermove', ({target}) => {
    const figure = target instanceof Element ? target.closest('.js-plotly-plot') : null;
    if (figure === page.figure) return;
    page.figure = figure;
    hide();
    if (!figure?.layout?.meta?.photos) return;
    for (const [name, listener] of [['plotly_hover', show], ['plotly_unhover', hide]]) {
      figure.removeListener(name, listener);
      figure.on(name, listener);
    }
  }, true);
}`;

/** The output that gives figures of the same page their photos; show it once, beside them. Throws a LabError on what is no picture. */
export function hoverPhotos(options: HoverPhotosOptions): string {
  const {image, side, columns, captions} = options;
  if (!/^data:image\/\w+;base64,[\w+/=]+$/.test(image)) {
    throw new LabError(
      `The sheet of photos is given as ${image.slice(0, 40)}; it needs a data:image/... address.`,
    );
  }
  const sheet = JSON.stringify({image, side, columns, captions}).replaceAll('<', '\\u003c');
  return [
    `<div style="color:${FAINT_INK};font-size:13px">`,
    'Pointing at a dot shows its photo (in a notebook opened anew, once this cell has run).',
    '</div>',
    `<script>(${SCRIPT})(${JSON.stringify(photosId(options))}, ${sheet});</script>`,
  ].join('');
}
