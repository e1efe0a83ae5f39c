import {hasLabKernels, photoViews, tf, type Tensor} from '../engine';
import {
  composeView,
  type DecodedView,
  normalisedLevels,
  type Preprocessing,
  takesRowsFirst,
} from '../pictures';

/** Decoded views as a backbone takes them, `[views.length, crop, crop, 3]`, resampled, coloured, mirrored, normalised. */
export function viewsTensor(views: readonly DecodedView[], {crop, mean, std}: Preprocessing): Tensor {
  const normalised = normalisedLevels({mean, std});
  if (!hasLabKernels()) return composed(views, normalised, crop);
  const raw = views.map(({window: {pixels, resampling}, colours, ...mirror}) => {
    const {gain, pull, direct, redToBlue, blueToRed} = colours;
    return {
      pixels,
      resampling: resampling && {
        ...resampling,
        rowsFirst: takesRowsFirst(resampling.columns, resampling.rows),
      },
      colours: [gain, pull, direct, redToBlue, blueToRed] as const,
      ...mirror,
    };
  });
  return photoViews(raw, normalised, crop);
}

function composed(views: readonly DecodedView[], normalised: Float32Array, crop: number): Tensor {
  const length = crop ** 2 * 3;
  const images = new Float32Array(views.length * length);
  for (const [i, view] of views.entries()) {
    composeView(view, normalised, crop, images.subarray(i * length, (i + 1) * length));
  }
  return tf.tensor4d(images, [views.length, crop, crop, 3]);
}
