import {
  type HeadPlace,
  type LayerSummary,
  type Net,
  type ParameterSpec,
  randomValues,
  ShapeNet,
  type Value,
  Weights,
} from '../backbones';
import type {Tensor} from '../engine';
import {LabError} from '../errors';
import {fnv1a, mulberry32} from '../random';

/** What a new head is made of, and where it stands on a backbone; plain data, part of a run's configuration. */
export interface HeadOptions {
  /** What it stands on: see `HeadPlace`. Default: 'pooled'. */
  on?: HeadPlace;
  /** Probability that a feature is dropped in training. Default: 0.2. */
  dropout?: number;
  /** Widths of hidden dense layers with ReLU before the logits. Default: none. */
  hidden?: number[];
  /** Whether a BatchNorm stands between each hidden layer and its ReLU. Default: false. */
  batchNorm?: boolean;
}

/**
 * Uniform within 1 / sqrt(fan in), weights and biases alike: PyTorch's default for linear layers and convolutions. A
 * BatchNorm begins as the identity.
 */
function initialValues(seed: number, fanIns: number[]) {
  const identity = randomValues(seed);
  return (spec: ParameterSpec): Float32Array => {
    const {name, shape} = spec;
    const [layer, part] = name.split('.').slice(1);
    if (part === normName) return identity(spec);
    const bound = 1 / Math.sqrt(fanIns[Number(layer)]);
    const random = mulberry32(fnv1a(`${seed} ${name}`));
    const size = shape.reduce((product, length) => product * length, 1);
    return Float32Array.from({length: size}, () => (2 * random() - 1) * bound);
  };
}

/** The BatchNorm of the hidden layer `head.0` is `head.0.norm`. */
const normName = 'norm';

/**
 * A new head: dropout and dense layers from features to logits [batch, classes]. On a map its layers are convolutions of
 * 1x1, each followed by ReLU, and the logits are their mean over the map: SqueezeNet's head (Iandola et al. 2016,
 * arXiv:1602.07360).
 */
export class Head {
  readonly weights: Weights;
  /** Its layers for one photo. */
  readonly layers: readonly LayerSummary[];
  private readonly dropout: number;
  private readonly hidden: number[];
  private readonly batchNorm: boolean;

  /**
   * `features` is the shape of one photo's: [width], or [height, width, channel]; `name` begins its tensors' names.
   * Throws a LabError on a dropout outside [0, 1), a width that is no positive integer, or fewer than two classes.
   */
  constructor(
    features: readonly number[],
    readonly classes: number,
    {dropout = 0.2, hidden = [], batchNorm = false}: HeadOptions = {},
    seed = 0,
    private readonly name = 'head',
  ) {
    if (!(dropout >= 0 && dropout < 1)) {
      throw new LabError(`head: a dropout of ${dropout} is not in [0, 1). Give a probability such as 0.2.`);
    }
    for (const width of hidden) {
      if (!Number.isInteger(width) || width < 1) {
        throw new LabError(`head: a hidden layer of width ${width} cannot be. Give positive whole numbers.`);
      }
    }
    if (classes < 2) throw new LabError(`head: ${classes} class is too few. A classifier needs two or more.`);
    this.dropout = dropout;
    this.hidden = hidden;
    this.batchNorm = batchNorm;
    const net = new ShapeNet();
    this.apply(net, {shape: [1, ...features]});
    this.layers = net.layers;
    this.weights = new Weights(
      net.parameters,
      initialValues(seed, [features[features.length - 1], ...hidden]),
    );
  }

  /** Logits of features [batch, ...]; the net must hold this head's weights. */
  logits(net: Net, features: Tensor): Tensor {
    return this.apply(net, features) as Tensor;
  }

  dispose(): void {
    this.weights.dispose();
  }

  private apply(net: Net, features: Value): Value {
    const widths = [...this.hidden, this.classes];
    const onMap = features.shape.length === 4;
    const last = widths.reduce((x, out, layer) => {
      const name = `${this.name}.${layer}`;
      const isHidden = layer < this.hidden.length;
      const norm = this.batchNorm && isHidden ? `${name}.${normName}` : undefined;
      const dropped = net.dropout(x, this.dropout);
      if (onMap) return net.conv(name, dropped, {out, kernel: 1, norm, bias: true, activation: 'relu'});
      const activation = isHidden ? 'relu' : undefined;
      if (norm === undefined) return net.linear(name, dropped, {out, activation});
      return net.batchNorm(norm, net.linear(name, dropped, {out}), {activation});
    }, features);
    return onMap ? net.globalAverage(last) : last;
  }
}
