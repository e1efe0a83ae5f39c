/** Collecting photos in a cell. */
import {collectPhotos, type Collection, type CollectOptions} from '../collecting';
import {escapeHtml} from '../html';
import {showHtml} from './display';
import {inProject} from './folder';
import {interruptible} from './interrupt';
import {ProgressLine} from './progress';

/**
 * Collects photos with progress in place, and shows what was kept and left out. JupyterLab's stop button ends it; running
 * the cell again, also after the kernel was killed, goes on from there. Throws as `collectPhotos`.
 */
export async function collect(
  options: Omit<CollectOptions, 'signal' | 'onProgress' | 'onWarning'>,
): Promise<Collection> {
  const line = new ProgressLine();
  const title = `collecting ${Object.keys(options.classes).join(', ')}`;
  const stopped = `Collecting into ${options.folder} was interrupted; what came by then is kept. Run the cell again to go on.`;
  const collection = await interruptible(stopped, (signal) =>
    collectPhotos({
      ...options,
      folder: inProject(options.folder),
      signal,
      onProgress: ({photos, of}) => line.report({title, unit: 'images', done: photos, total: of}),
      onWarning: (message) => showHtml(`<div>⚠ ${escapeHtml(message)}</div>`),
    }),
  );
  line.finish(inWords(collection, Object.keys(options.classes)));
  return collection;
}

/** 'cats 300, dogs 300 in /path · 3 left out (`skipped` tells why)'. */
function inWords({folder, photos, skipped}: Collection, classes: string[]): string {
  const counts = classes.map((name) => `${name} ${photos.filter((photo) => photo.class === name).length}`);
  const kept = `${counts.join(', ')} in ${folder}`;
  return skipped.length === 0 ? kept : `${kept} · ${skipped.length} left out (\`skipped\` tells why)`;
}
