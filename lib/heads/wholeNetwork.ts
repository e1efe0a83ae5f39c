import {
  type Backbone,
  InferenceNet,
  type LayerSummary,
  type NetworkDefinition,
  ObservingNet,
  originalLogits,
  randomValues,
  ShapeNet,
  TrainingNet,
  type TrainingOptions,
  Weights,
} from '../backbones';
import type {NamedValues} from '../checkpoints';
import {type Precision, tf, type Tensor, widen} from '../engine';
import {
  checkNames,
  type LayeredLearner,
  type Outputs,
  totalLoss,
  type Trainable,
  type TrainingPass,
} from './learner';

/** A network of which everything trains, from photos [batch, height, width, 3]. */
export class WholeNetwork implements LayeredLearner {
  private constructor(
    private readonly weights: Weights,
    readonly classes: number,
    readonly layers: readonly LayerSummary[],
    private readonly outputs: (net: InferenceNet | TrainingNet, photos: Tensor) => Outputs,
    private readonly partOf: (name: string) => Trainable['part'],
    private readonly precision: Precision,
  ) {}

  /** A network that a cell wrote, with seeded random weights; all of it is new, so it has the head's learning rate. */
  static random(
    {build, parameters, layers, classes}: NetworkDefinition,
    seed: number,
    precision: Precision = 'float32',
  ): WholeNetwork {
    const weights = new Weights(parameters, randomValues(seed));
    return new WholeNetwork(
      weights,
      classes,
      layers,
      (net, photos) => ({logits: widen(build(net, photos) as Tensor)}),
      () => 'head',
      precision,
    );
  }

  /** A backbone with its original heads, the auxiliary one included; it owns the backbone, which must hold all of them. */
  static original(backbone: Backbone): WholeNetwork {
    const {architecture, weights} = backbone;
    const ofStages = architecture.parameters();
    const stages = architecture.summary();
    const head = new ShapeNet();
    const {shape} = originalLogits(architecture, head, {shape: [1, ...stages[stages.length - 1].output]});
    return new WholeNetwork(
      weights,
      shape[1],
      [...stages.flatMap(({layers}) => layers), ...head.layers],
      (net, photos) => {
        const {logits, auxiliary} = backbone.logits(net, photos);
        const weight = architecture.auxiliary?.weight;
        return auxiliary && weight ? {logits, auxiliary: {logits: auxiliary, weight}} : {logits};
      },
      (name) => (ofStages.has(name) ? 'backbone' : 'head'),
      backbone.precision,
    );
  }

  /** It is computed as one; the names of its layers tell the stages. */
  get stages(): readonly string[] {
    return [];
  }

  get outputLayer(): string {
    return this.layers.findLast(({name}) => name !== '')!.name;
  }

  trainable(): Map<string, Trainable> {
    const {weights} = this;
    const names = weights.names().filter((name) => weights.specs.get(name)!.trainable);
    return new Map(names.map((name) => [name, {variable: weights.get(name), part: this.partOf(name)}]));
  }

  forTraining(options: TrainingOptions): TrainingPass {
    const net = new TrainingNet(this.weights, options, this.precision);
    return {
      loss: (photos, criterion) => totalLoss(this.outputs(net, photos), criterion),
      applyUpdates: () => net.applyUpdates(),
      dispose: () => net.dispose(),
    };
  }

  forInference(): {logits(x: Tensor): Tensor; dispose(): void} {
    const net = new InferenceNet(this.weights, this.precision);
    return {
      logits: (photos) => tf.tidy(() => this.outputs(net, photos).logits),
      dispose: () => net.dispose(),
    };
  }

  activations(photos: Tensor, names: readonly string[]): Map<string, Tensor> {
    checkNames(this, names);
    const kept = new Map<string, Tensor>();
    const net = new ObservingNet(this.weights, new Set(names), kept);
    try {
      tf.tidy(() => {
        this.outputs(net, photos);
      });
      return kept;
    } catch (error) {
      tf.dispose([...kept.values()]);
      throw error;
    } finally {
      net.dispose();
    }
  }

  weight(name: string): NamedValues {
    return this.weights.read(name);
  }

  state(): NamedValues[] {
    return this.weights.names().map((name) => this.weights.read(name));
  }

  restore(tensors: Iterable<{name: string; values: Float32Array}>): void {
    for (const {name, values} of tensors) this.weights.set(name, values);
  }

  dispose(): void {
    this.weights.dispose();
  }
}
