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

/** What a change of colours does, in numbers. */
export interface ColourChange {
  /** What all is multiplied by. */
  gain: number;
  /** How much of the picture's mean grey is added after that. */
  pull: number;
  /** What each colour difference, red and blue less grey, keeps of itself. */
  direct: number;
  /** What the one adds to the other. */
  redToBlue: number;
  blueToRed: number;
}

export const noChange: ColourChange = {gain: 1, pull: 0, direct: 1, redToBlue: 0, blueToRed: 0};

/**
 * Brightness, contrast and saturation blend with black, the mean grey and the pixel's own grey, as torchvision's
 * `ColorJitter` does; hue turns in the UV plane, which keeps the grey. So the four commute, need no random order as in
 * torchvision, and fit into one pass.
 */
export function colourChange({brightness, contrast, saturation, hue}: ColourJitter): ColourChange {
  return {
    gain: brightness * contrast,
    pull: brightness * (1 - contrast),
    direct: saturation * Math.cos(2 * Math.PI * hue),
    redToBlue: (-saturation * Math.sin(2 * Math.PI * hue) * V_SCALE) / U_SCALE,
    blueToRed: (saturation * Math.sin(2 * Math.PI * hue) * U_SCALE) / V_SCALE,
  };
}

/** Changes the colours of 8-bit RGB pixels in place. */
export function changeColours(pixels: Uint8ClampedArray, change: ColourChange): void {
  const {gain, pull, direct, redToBlue, blueToRed} = change;
  const offset = pull * meanGrey(pixels);
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

/** What each of the 256 levels of red, of green and of blue becomes, `[3, 256]`: (level / 255 - mean) / std. */
export function normalisedLevels({mean, std}: Pick<Preprocessing, 'mean' | 'std'>): Float32Array {
  return Float32Array.from({length: 3 * 256}, (_, i) => {
    const channel = i >> 8;
    return (i % 256) * (1 / (255 * std[channel])) + -mean[channel] / std[channel];
  });
}

/** Writes 8-bit RGB pixels `[side, side, 3]` into `target` as what their levels become, mirrored where asked. */
export function normalise(
  pixels: Uint8ClampedArray,
  normalised: Float32Array,
  side: number,
  {flipHorizontal, flipVertical}: Mirror,
  target: Float32Array,
): void {
  const step = flipHorizontal ? -3 : 3;
  let source = 0;
  for (let y = 0; y < side; y++) {
    const row = flipVertical ? side - 1 - y : y;
    let i = (row * side + (flipHorizontal ? side - 1 : 0)) * 3;
    for (let x = 0; x < side; x++, source += 3, i += step) {
      target[i] = normalised[pixels[source]];
      target[i + 1] = normalised[256 + pixels[source + 1]];
      target[i + 2] = normalised[512 + pixels[source + 2]];
    }
  }
}
