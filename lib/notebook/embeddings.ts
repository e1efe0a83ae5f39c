/** Embeddings for a cell: made, drawn in two dimensions with the photo on hover, compared in numbers, looked through. */
import type {Architecture} from '../backbones';
import {
  embeddingScatter,
  hoverPhotos,
  type HoverPhotosOptions,
  imageGrid,
  photosId,
  type ScatterPanel,
} from '../charts';
import type {Part, Photo} from '../datasets';
import {
  embed,
  type Embeddings,
  inPlane,
  neighbours,
  type PlaneMethod,
  type PlaneOptions,
  separation,
  somePhotos,
} from '../embeddings';
import {type ExperimentOptions, type NetworkParts, untrainedParts, type Workspace} from '../experiments';
import {LabError} from '../errors';
import {photoSheet, thumbnail} from '../pictures';
import {showFigure, showHtml, showWarning, type Table} from './display';
import {interruptible} from './interrupt';
import {download} from './preparation';
import {ProgressLine} from './progress';

export interface EmbedOptions extends Pick<ExperimentOptions, 'weights' | 'size'> {
  /** Default: 'val'. */
  part?: Part;
  /** At most so many photos, drawn by the split's seed. Default: 600. */
  most?: number;
}

/** Embeddings of photos by what `lab.trained` or `lab.parts` gave, or by a backbone as it comes. */
export async function embedPhotos(
  network: Omit<NetworkParts, 'dispose'> | string | Architecture,
  {part = 'val', most = 600, ...start}: EmbedOptions,
  workspace: Workspace,
): Promise<Embeddings> {
  const photos = somePhotos(workspace.split, part, most);
  return interruptible('The embeddings were interrupted. Run the cell again.', async (signal) => {
    if (typeof network !== 'string' && 'learner' in network)
      return embedWithProgress(network, photos, signal);
    let line: ProgressLine | null = null;
    const backbone = await untrainedParts(network, start, workspace, {
      signal,
      onWarning: showWarning,
      onDownload: download(() => (line ??= new ProgressLine())),
    });
    (line as ProgressLine | null)?.finish();
    try {
      return await embedWithProgress(backbone, photos, signal);
    } finally {
      backbone.dispose();
    }
  });
}

async function embedWithProgress(
  network: Omit<NetworkParts, 'dispose'>,
  photos: readonly Photo[],
  signal: AbortSignal,
): Promise<Embeddings> {
  const line = new ProgressLine();
  const title = `Embeddings by ${network.title}`;
  const onProgress = (done: number, total: number) => line.report({title, unit: 'images', done, total});
  const found = await embed(network, photos, {signal, onProgress});
  line.finish();
  return found;
}

export interface ShowEmbeddingsOptions extends Pick<PlaneOptions, 'seed' | 'perplexity' | 'neighbours'> {
  /** Default: both. */
  methods?: readonly PlaneMethod[];
}

/** Every network by every method, a panel each, points coloured by class, the photo on hover. */
export async function showEmbeddings(
  embeddings: readonly Embeddings[],
  {methods = ['t-SNE', 'UMAP'], ...options}: ShowEmbeddingsOptions = {},
): Promise<void> {
  const {photos, classes} = sharedPhotos(embeddings);
  const stopped = 'The drawing was interrupted. Run the cell again.';
  const panels = await interruptible(stopped, async (signal) => {
    const made: ScatterPanel[] = [];
    for (const each of embeddings) {
      for (const method of methods) {
        const line = new ProgressLine();
        const title = `${each.title}, ${method}`;
        const onProgress = (done: number, total: number) => line.report({title, unit: 'steps', done, total});
        made.push({title, points: await inPlane(each, {...options, method, signal, onProgress})});
        line.finish();
      }
    }
    return made;
  });
  const sheet: HoverPhotosOptions = {
    ...(await photoSheet(photos.map(({picture}) => picture))),
    captions: photos.map(({picture, label}) => `${classes[label]}: ${picture.name.split('/').at(-1)}`),
  };
  showFigure(
    embeddingScatter(panels, {
      classes,
      labels: photos.map(({label}) => label),
      title: `${photos.length} photos as the layer before the last sees them`,
      standIns: [...new Set(embeddings.flatMap(({standIns}) => standIns))],
      photos: photosId(sheet),
    }),
  );
  showHtml(hoverPhotos(sheet));
}

/** How well each space tells the classes apart, a row for each network; all its dimensions count. */
export function separationTable(embeddings: readonly Embeddings[], k = 5): Table {
  sharedPhotos(embeddings);
  return {
    columns: ['network', 'dimensions', `${k}-NN accuracy`, 'silhouette'],
    values: embeddings.map((each) => {
      const {knnAccuracy, silhouette} = separation(each, {k});
      return [each.title, each.width, knnAccuracy, silhouette];
    }),
  };
}

/** The photos nearest to one photo, a grid for each network; those of another class are marked. */
export async function neighbourGrids(
  embeddings: readonly Embeddings[],
  {photo = 0, count = 7}: {photo?: number; count?: number},
): Promise<string> {
  const {photos, classes} = sharedPhotos(embeddings);
  const grids = embeddings.map(async (each) => {
    const found = neighbours(each, photo, count);
    const card = async (index: number, detail: string) => ({
      image: await thumbnail(photos[index].picture),
      caption: classes[photos[index].label],
      detail,
    });
    const own = photos[photo].label;
    const items = found.map(async ({photo: other, distance}) => ({
      ...(await card(other, `distance ${distance.toFixed(3)}`)),
      tone: photos[other].label === own ? ('right' as const) : ('wrong' as const),
    }));
    return imageGrid([await card(photo, 'the photo itself'), ...(await Promise.all(items))], {
      title: `Nearest neighbours by ${each.title}`,
      subtitle: 'By cosine distance; marked where the class is the same or another.',
      columns: count + 1,
      standIns: each.standIns,
    });
  });
  return (await Promise.all(grids)).join('');
}

/** The photos that all the embeddings are of. Throws a LabError where they are not the same. */
function sharedPhotos(embeddings: readonly Embeddings[]): Embeddings {
  const [first, ...others] = embeddings;
  if (!first) throw new LabError('There are no embeddings. Give what lab.embed gives, in a list.');
  const keys = ({photos}: Embeddings) => photos.map(({picture}) => picture.key).join();
  const other = others.find((each) => keys(each) !== keys(first));
  if (!other) return first;
  throw new LabError(
    `${first.title} and ${other.title} are embeddings of different photos. Give lab.embed the same part and most for both.`,
  );
}
