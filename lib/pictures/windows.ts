/** A rectangle of a photo, in pixels. */
export interface Crop {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** A square view of a photo: the photo is resized to `width` x `height`, then the square at `left`, `top` is cut out. */
export interface Window {
  width: number;
  height: number;
  left: number;
  top: number;
}

/**
 * The view for evaluation: shorter side to `resize`, then the centre square of side `crop`.
 * Rounds as torchvision does (`Resize`: the longer side down; `CenterCrop`: halves to even).
 */
export function centreWindow(width: number, height: number, resize: number, crop: number): Window {
  const shorter = Math.min(width, height);
  const resized = {
    width: Math.floor((resize * width) / shorter),
    height: Math.floor((resize * height) / shorter),
  };
  return {
    ...resized,
    left: roundHalfToEven((resized.width - crop) / 2),
    top: roundHalfToEven((resized.height - crop) / 2),
  };
}

/**
 * The view that shows one rectangle of the photo as a square of side `crop`.
 * Resizing the whole photo first, to the nearest whole pixel, moves the rectangle by at most half a pixel of the view
 * and lets libvips shrink large JPEGs while it reads them.
 */
export function cropWindow(width: number, height: number, region: Crop, crop: number): Window {
  const resized = {
    width: Math.round((width * crop) / region.width),
    height: Math.round((height * crop) / region.height),
  };
  return {
    ...resized,
    left: Math.min(Math.round((region.left * crop) / region.width), resized.width - crop),
    top: Math.min(Math.round((region.top * crop) / region.height), resized.height - crop),
  };
}

function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value);
}
