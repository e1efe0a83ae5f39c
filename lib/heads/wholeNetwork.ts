import {
  type Backbone,
  InferenceNet,
  type NetworkDefinition,
  originalLogits,
  randomValues,
  ShapeNet,
  TrainingNet,
  type TrainingOptions,
  Weights,
} from '../backbones';
import type {NamedValues} from '../checkpoints';
import {tf, type Tensor} from '../engine';
import {type Learner, type Outputs, totalLoss, type Trainable, type TrainingPass} from './learner';

/** A network of which everything trains, from photos [batch, height, width, 3]. */
export class WholeNetwork implements Learner {
  private constructor(
    private readonly weights: Weights,
    readonly classes: number,
    private readonly outputs: (net: InferenceNet | TrainingNet, photos: Tensor) => Outputs,
    private readonly partOf: (name: string) => Trainable['part'],
  ) {}

  /** A network that a cell wrote, with seeded random weights; all of it is new, so it has the head's learning rate. */
  static random({build, parameters, classes}: NetworkDefinition, seed: number): WholeNetwork {
    const weights = new Weights(parameters, randomValues(seed));
    return new WholeNetwork(
      weights,
      classes,
      (net, photos) => ({logits: build(net, photos) as Tensor}),
      () => 'head',
    );
  }

  /** A backbone with its original heads, the auxiliary one included; it owns the backbone, which must hold all of them. */
  static original(backbone: Backbone): WholeNetwork {
    const {architecture, weights} = backbone;
    const ofStages = architecture.parameters();
    const map = architecture.summary()[architecture.stages.length - 1].output;
    const {shape} = originalLogits(architecture, new ShapeNet(), {shape: [1, ...map]});
    return new WholeNetwork(
      weights,
      shape[1],
      (net, photos) => {
        const {logits, auxiliary} = backbone.logits(net, photos);
        const weight = architecture.auxiliary?.weight;
        return auxiliary && weight ? {logits, auxiliary: {logits: auxiliary, weight}} : {logits};
      },
      (name) => (ofStages.has(name) ? 'backbone' : 'head'),
    );
  }

  trainable(): Map<string, Trainable> {
    const {weights} = this;
    const names = weights.names().filter((name) => weights.specs.get(name)!.trainable);
    return new Map(names.map((name) => [name, {variable: weights.get(name), part: this.partOf(name)}]));
  }

  forTraining(options: TrainingOptions): TrainingPass {
    const net = new TrainingNet(this.weights, options);
    return {
      loss: (photos, criterion) => totalLoss(this.outputs(net, photos), criterion),
      applyUpdates: () => net.applyUpdates(),
      dispose: () => net.dispose(),
    };
  }

  forInference(): {logits(x: Tensor): Tensor; dispose(): void} {
    const net = new InferenceNet(this.weights);
    return {
      logits: (photos) => tf.tidy(() => this.outputs(net, photos).logits),
      dispose: () => net.dispose(),
    };
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
