import {
  type Backbone,
  InferenceNet,
  type LayerSummary,
  ObservingNet,
  TrainingNet,
  type TrainingOptions,
} from '../backbones';
import type {NamedValues} from '../checkpoints';
import {tf, type Tensor} from '../engine';
import {LabError} from '../errors';
import type {Head} from './head';
import {
  checkNames,
  type LayeredLearner,
  type Outputs,
  totalLoss,
  type Trainable,
  type TrainingPass,
} from './learner';

/**
 * A backbone whose first `frozen` stages stand still, and a new head on it. What comes in is the output of the frozen
 * stages: photos when none is frozen, what the head stands on when all are. With a second head on the features of the
 * architecture's auxiliary classifier, that helps in training.
 */
export class Classifier implements LayeredLearner {
  /** Throws a LabError on a number of stages that cannot be, and where what the auxiliary head looks at is frozen. */
  constructor(
    readonly backbone: Backbone,
    readonly head: Head,
    readonly frozen: number,
    readonly auxiliary: Head | null = null,
  ) {
    const {name, stages} = backbone.architecture;
    if (!Number.isInteger(frozen) || frozen < 0 || frozen > stages.length) {
      throw new LabError(`${name}: cannot freeze ${frozen} stages. Give 0 to ${stages.length}.`);
    }
    if (auxiliary && backbone.tap <= frozen) {
      throw new LabError(
        `${name}: no auxiliary head can help, as nothing in front of it trains (${frozen} stages are frozen). Leave it out.`,
      );
    }
  }

  get classes(): number {
    return this.head.classes;
  }

  get layers(): readonly LayerSummary[] {
    return [...this.backbone.architecture.summary().flatMap(({layers}) => layers), ...this.head.layers];
  }

  get stages(): readonly string[] {
    return this.backbone.architecture.stages.map(({name}) => name);
  }

  get outputLayer(): string {
    return this.head.layers.findLast(({name}) => name !== '')!.name;
  }

  get isFrozen(): boolean {
    return this.frozen === this.backbone.architecture.stages.length;
  }

  /** What training moves, by name: the heads' tensors and those of the stages that are not frozen. */
  trainable(): Map<string, Trainable> {
    const found = new Map<string, Trainable>();
    const {weights} = this.backbone;
    for (const name of this.moved()) {
      if (weights.specs.get(name)!.trainable)
        found.set(name, {variable: weights.get(name), part: 'backbone'});
    }
    for (const head of this.heads()) {
      const {weights} = head;
      for (const name of weights.names()) {
        if (weights.specs.get(name)!.trainable) found.set(name, {variable: weights.get(name), part: 'head'});
      }
    }
    return found;
  }

  forTraining(options: TrainingOptions): TrainingPass {
    const body = this.backbone.training(options);
    const heads = this.heads().map(({weights}) => new TrainingNet(weights, options));
    const nets = [body, ...heads];
    return {
      loss: (x, criterion) => totalLoss(this.outputs(body, heads, x), criterion),
      applyUpdates: () => nets.forEach((net) => net.applyUpdates()),
      dispose: () => nets.forEach((net) => net.dispose()),
    };
  }

  forInference(): {logits(x: Tensor): Tensor; dispose(): void} {
    const body = this.backbone.inference();
    const top = new InferenceNet(this.head.weights);
    return {
      logits: (x) => tf.tidy(() => this.head.logits(top, this.isFrozen ? x : this.rest(body, x))),
      dispose: () => {
        body.dispose();
        top.dispose();
      },
    };
  }

  activations(photos: Tensor, names: readonly string[]): Map<string, Tensor> {
    checkNames(this, names);
    const kept = new Map<string, Tensor>();
    const [body, top] = [this.backbone, this.head].map(
      ({weights}) => new ObservingNet(weights, new Set(names), kept),
    );
    try {
      tf.tidy(() => {
        const map = this.stages.reduce((x, stage, from) => {
          body.keep(`${stage}.input`, x);
          const y = this.backbone.run(body, x, {from, to: from + 1});
          body.keep(stage, y);
          return y;
        }, photos);
        this.head.logits(top, this.backbone.pool(body, map));
      });
      return kept;
    } catch (error) {
      tf.dispose([...kept.values()]);
      throw error;
    } finally {
      body.dispose();
      top.dispose();
    }
  }

  weight(name: string): NamedValues {
    return (this.head.weights.has(name) ? this.head : this.backbone).weights.read(name);
  }

  /** The tensors that differ from the pretrained weights: the heads and all of the stages that are not frozen. */
  state(): NamedValues[] {
    return [
      ...this.moved().map((name) => this.backbone.weights.read(name)),
      ...this.heads().flatMap(({weights}) => weights.names().map((name) => weights.read(name))),
    ];
  }

  restore(tensors: Iterable<{name: string; values: Float32Array}>): void {
    for (const {name, values} of tensors) {
      const head = this.heads().find(({weights}) => weights.has(name));
      (head ?? this.backbone).weights.set(name, values);
    }
  }

  dispose(): void {
    this.backbone.dispose();
    for (const head of this.heads()) head.dispose();
  }

  private heads(): Head[] {
    return this.auxiliary ? [this.head, this.auxiliary] : [this.head];
  }

  /** Names of the backbone's tensors that do not stand still, running statistics included. */
  private moved(): string[] {
    const {architecture} = this.backbone;
    const stages = architecture.summary();
    const moved = stages.slice(this.frozen).flatMap(({tensors}) => tensors);
    if (!this.auxiliary) return moved;
    const beside = [...architecture.parameters('stages and auxiliary').keys()];
    return [...moved, ...beside.slice(architecture.parameters('stages').size)];
  }

  private outputs(body: TrainingNet, [top, second]: TrainingNet[], x: Tensor): Outputs {
    if (!this.auxiliary) return {logits: this.head.logits(top, this.isFrozen ? x : this.rest(body, x))};
    const {backbone, frozen: from} = this;
    const tapped = backbone.run(body, x, {from, to: backbone.tap});
    const logits = this.head.logits(top, this.rest(body, tapped, backbone.tap));
    const {features, weight} = backbone.architecture.auxiliary!;
    return {
      logits,
      auxiliary: {logits: this.auxiliary.logits(second, features(body, tapped) as Tensor), weight},
    };
  }

  /** What the head stands on, from the output of the stage before `from`. */
  private rest(net: InferenceNet | TrainingNet, x: Tensor, from = this.frozen): Tensor {
    return this.backbone.pool(net, this.backbone.run(net, x, {from}));
  }
}
