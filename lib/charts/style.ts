/**
 * One look for all charts: a backbone keeps its colour everywhere, a regime its strength, dash and marker.
 * Hues follow Okabe and Ito's palette (jfly.uni-koeln.de/color), which colour-blind readers can tell apart; members of one
 * family share a hue in different lightness.
 */
import {fnv1a} from '../random';
import type {Regime} from '../runs';

const BACKBONE_COLOURS: Record<string, string> = {
  mobilenet_v2: '#0072b2',
  mobilenet_v3_large: '#56b4e9',
  squeezenet1_1: '#e08a00',
  alexnet: '#8c5a00',
  vgg16: '#c9b200',
  efficientnet_b4: '#009e73',
  efficientnet_b0: '#5cc4a6',
  efficientnet_lite0: '#b1cd7a',
  efficientnet_lite1: '#96e000',
  efficientnet_lite2: '#5f8f00',
  deit_tiny_patch16_224: '#b8478c',
  vit_b_16: '#7b2d5e',
  swin_t: '#e39ac6',
  resnet18: '#f08a5b',
  resnet50: '#d55e00',
  resnext50_32x4d: '#8f3b00',
  inception_v3: '#332288',
  densenet121: '#7a7f87',
  convnext_tiny: '#2f6b2f',
};

/**
 * The colour of a backbone, as #rrggbb; one that is cut at a stage ('inception_v3:Mixed_7a') or has other weights
 * ('alexnet (random weights)') has that of the whole one, a name unknown here one of the same colours, always the same.
 */
export function backboneColour(backbone: string): string {
  const colours = Object.values(BACKBONE_COLOURS);
  const [architecture] = backbone.split(/:| \(/, 1);
  return BACKBONE_COLOURS[architecture] ?? colours[fnv1a(backbone) % colours.length];
}

export type RegimeKind = Regime['kind'];

/** In the order in which more and more of the network is trained. */
export const REGIME_KINDS: readonly RegimeKind[] = ['feature extraction', 'last stages', 'everything'];

interface RegimeStyle {
  /** Share of the backbone's colour, the rest is white. */
  strength: number;
  dash: 'solid' | 'dot' | 'dash';
  symbol: string;
  /** Of a bar's filling. */
  pattern: Readonly<Record<string, unknown>>;
}

export const REGIME_STYLES: Readonly<Record<RegimeKind, RegimeStyle>> = {
  'feature extraction': {strength: 0.6, dash: 'dot', symbol: 'circle', pattern: {shape: ''}},
  'last stages': {strength: 1, dash: 'solid', symbol: 'diamond', pattern: {shape: ''}},
  everything: {
    strength: 1,
    dash: 'dash',
    symbol: 'square',
    pattern: {shape: '/', fillmode: 'overlay', fgcolor: '#000000', fgopacity: 0.25, solidity: 0.2},
  },
};

/** The colour of a backbone under a regime, as #rrggbb. */
export function runColour(backbone: string, kind: RegimeKind): string {
  return withWhite(backboneColour(backbone), REGIME_STYLES[kind].strength);
}

/** A colour in a regime's strength for legends that speak of the regime alone. */
export function neutralColour(kind: RegimeKind): string {
  return withWhite('#4a5560', REGIME_STYLES[kind].strength);
}

/** Classes where each has a colour of its own: Okabe and Ito's, in the order in which they differ most. */
export const CLASS_COLOURS: readonly string[] = [
  '#0072b2',
  '#d55e00',
  '#009e73',
  '#cc79a7',
  '#e69f00',
  '#56b4e9',
  '#000000',
  '#c9b200',
];

/** Parts of a split, or whatever else is neither backbone nor regime, from strong to faint. */
export const PART_COLOURS: readonly string[] = ['#3d5166', '#8ca3b8', '#cbd6e0'];

/** From nothing (white) to everything (dark blue), quick to show that there is something. */
export const SEQUENTIAL_COLOURS: readonly [number, string][] = [
  [0, '#ffffff'],
  [0.05, '#e6f0f9'],
  [0.3, '#a6cbe6'],
  [0.6, '#4a94c8'],
  [1, '#0b4f8a'],
];

function withWhite(colour: string, strength: number): string {
  const channels = [1, 3, 5].map((start) => {
    const channel = parseInt(colour.slice(start, start + 2), 16);
    const mixed = Math.round(255 + strength * (channel - 255));
    return mixed.toString(16).padStart(2, '0');
  });
  return `#${channels.join('')}`;
}
