import {batches, batchValues} from '../../lib/batches';
import type {Picture, Preprocessing, View} from '../../lib/pictures';

/** One view of a picture as a network is given it, `[crop, crop, 3]`. */
export async function seen(
  picture: Picture,
  preprocessing: Preprocessing,
  view: View,
): Promise<Float32Array> {
  const stream = batches([{picture, label: 0}], {preprocessing, view: () => view, batchSize: 1});
  const {value: batch} = await stream.next();
  return batchValues(batch!);
}
