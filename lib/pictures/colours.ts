import {type Preprocessing} from './preprocessing';

/** A change of colours: factors of brightness, contrast and saturation, and a rotation of hue in turns. */
export interface ColourJitter {
  brightness: number;
  contrast: number;
  saturation: number;
  hue: number;
}

// Luma of ITU-R BT.601, and its scales of the colour differences: U = 0.492 (B - Y), V = 0.877 (R - Y).
const [RED, GREEN, BLUE] = [0.299, 0.587, 0.114];
const [U_SCALE, V_SCALE] = [0.492, 0.877];

/**
 * Changes the colours of 8-bit RGB pixels in place.
 * Brightness, contrast and saturation blend with black, the mean grey and the pixel's own grey, as torchvision's
 * `ColorJitter` does; hue turns in the UV plane, which keeps the grey. So the four commute, need no random order as in
 * torchvision, and fit into one pass.
 */
export function jitterColours(pixels: Uint8ClampedArray, jitter: ColourJitter): void {
  const {brightness, contrast, saturation, hue} = jitter;
  const gain = brightness * contrast;
  const offset = brightness * (1 - contrast) * meanGrey(pixels);
  const direct = saturation * Math.cos(2 * Math.PI * hue);
  const redToBlue = (-saturation * Math.sin(2 * Math.PI * hue) * V_SCALE) / U_SCALE;
  const blueToRed = (saturation * Math.sin(2 * Math.PI * hue) * U_SCALE) / V_SCALE;
  for (let i = 0; i < pixels.length; i += 3) {
    const grey = RED * pixels[i] + GREEN * pixels[i + 1] + BLUE * pixels[i + 2];
    const red = pixels[i] - grey;
    const blue = pixels[i + 2] - grey;
    const newRed = direct * red + blueToRed * blue;
    const newBlue = redToBlue * red + direct * blue;
    const newGreen = -(RED * newRed + BLUE * newBlue) / GREEN;
    pixels[i] = gain * (grey + newRed) + offset;
    pixels[i + 1] = gain * (grey + newGreen) + offset;
    pixels[i + 2] = gain * (grey + newBlue) + offset;
  }
}

function meanGrey(pixels: Uint8ClampedArray): number {
  let [red, green, blue] = [0, 0, 0];
  for (let i = 0; i < pixels.length; i += 3) {
    red += pixels[i];
    green += pixels[i + 1];
    blue += pixels[i + 2];
  }
  return (RED * red + GREEN * green + BLUE * blue) / (pixels.length / 3);
}

/** Which sides of a view change places. */
export interface Mirror {
  flipHorizontal: boolean;
  flipVertical: boolean;
}

/** Writes 8-bit RGB pixels `[crop, crop, 3]` into `target` as (value / 255 - mean) / std, mirrored where asked. */
export function normalise(
  pixels: Uint8ClampedArray,
  {crop, mean, std}: Preprocessing,
  {flipHorizontal, flipVertical}: Mirror,
  target: Float32Array,
): void {
  const [red, green, blue] = std.map((deviation) => 1 / (255 * deviation));
  const [redShift, greenShift, blueShift] = std.map((deviation, channel) => -mean[channel] / deviation);
  const step = flipHorizontal ? -3 : 3;
  let source = 0;
  for (let y = 0; y < crop; y++) {
    const row = flipVertical ? crop - 1 - y : y;
    let i = (row * crop + (flipHorizontal ? crop - 1 : 0)) * 3;
    for (let x = 0; x < crop; x++, source += 3, i += step) {
      target[i] = pixels[source] * red + redShift;
      target[i + 1] = pixels[source + 1] * green + greenShift;
      target[i + 2] = pixels[source + 2] * blue + blueShift;
    }
  }
}
