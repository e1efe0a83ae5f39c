/** Where a new head can stand: on pooled features, on the map, on the pretrained layers before the old output. */
import assert from 'node:assert/strict';
import test from 'node:test';
import {architectureNames, Backbone, findArchitecture, type HeadPlace, withHeadOn} from '../../lib/backbones';
import {tf, type Tensor} from '../../lib/engine';
import {LabError} from '../../lib/errors';

const place = (name: string, on: HeadPlace) => withHeadOn(findArchitecture(name), on);

test('what a head stands on, and the stages before it', () => {
  const added = (name: string) =>
    place(name, 'original layers')
      .stages.slice(findArchitecture(name).stages.length)
      .map((stage) => stage.name);
  assert.deepEqual(place('alexnet', 'pooled').featureShape, [256]);
  assert.deepEqual(place('alexnet', 'map').featureShape, [9216]);
  assert.deepEqual(place('alexnet', 'original layers').featureShape, [4096]);
  assert.deepEqual(added('alexnet'), ['classifier.1', 'classifier.4']);
  assert.deepEqual(place('vgg16', 'map').featureShape, [25088]);
  assert.deepEqual(place('vgg16', 'original layers').featureShape, [4096]);
  assert.deepEqual(added('vgg16'), ['classifier.0', 'classifier.3']);
  assert.deepEqual(place('squeezenet1_1', 'original layers').featureShape, [13, 13, 512]);
  assert.deepEqual(added('squeezenet1_1'), []);
  assert.deepEqual(place('mobilenet_v3_large', 'original layers').featureShape, [1280]);
  assert.deepEqual(place('resnet18', 'map').featureShape, [7 * 7 * 512]);
  for (const name of architectureNames) {
    const {stages} = findArchitecture(name);
    assert.ok(place(name, 'original layers').stages.length >= stages.length, name);
  }
  for (const name of ['resnet18', 'inception_v3', 'deit_tiny_patch16_224', 'swin_t', 'efficientnet_lite0']) {
    assert.equal(
      place(name, 'original layers'),
      findArchitecture(name),
      `${name}: they are the pooled features`,
    );
  }
});

/** The values of a computation in inference. */
function valuesOf(backbone: Backbone, compute: (net: ReturnType<Backbone['inference']>) => Tensor) {
  const net = backbone.inference();
  const output = tf.tidy(() => compute(net));
  net.dispose();
  const values = output.dataSync();
  output.dispose();
  return values;
}

test('the old output layer on the original layers gives the logits of the whole network', () => {
  const {numTensors} = tf.memory();
  for (const name of ['alexnet', 'squeezenet1_1', 'mobilenet_v3_large']) {
    const whole = Backbone.formula(findArchitecture(name));
    const part = new Backbone(place(name, 'original layers'), whole.weights);
    const x = tf.randomUniform([2, 224, 224, 3], -1, 1, 'float32', 1);
    const {output} = whole.architecture.originalHead!;
    const expected = valuesOf(whole, (net) => whole.logits(net, x).logits);
    const actual = valuesOf(part, (net) => output(net, part.pool(net, part.run(net, x))) as Tensor);
    assert.deepEqual(actual, expected, name);
    x.dispose();
    whole.dispose();
  }
  assert.equal(tf.memory().numTensors, numTensors);
});

test('the map is flattened as PyTorch does: channel, row, column', () => {
  const architecture = place('resnet18', 'map').at(64);
  const backbone = Backbone.random(architecture, 1);
  const map = tf.randomUniform([1, 2, 2, 512], 0, 1, 'float32', 1);
  const flat = valuesOf(backbone, (net) => backbone.pool(net, map));
  const values = map.dataSync();
  assert.deepEqual(
    [...flat.slice(0, 4)],
    [0, 1, 2, 3].map((at) => values[512 * at]),
  );
  map.dispose();
  backbone.dispose();
});

test('places that an architecture does not have are named', () => {
  const wrong: [() => unknown, RegExp][] = [
    [
      () => place('deit_tiny_patch16_224', 'map'),
      /its last stage, blocks\.11, gives no map but \[197, 192\]/,
    ],
    [
      () => place('resnet18:layer2', 'original layers'),
      /resnet18:layer2 has no original head\. Put the head on/,
    ],
    [
      () => place('resnet18', 'top' as HeadPlace),
      /head: on is "top"\. Give 'pooled', 'map' or 'original layers'/,
    ],
    [
      () => place('alexnet', 'original layers').at(128),
      /takes maps of 6 x 6, got 3 x 3\. Use photos of the original size/,
    ],
  ];
  for (const [action, message] of wrong) {
    assert.throws(
      action,
      (error) => error instanceof LabError && message.test(error.message),
      String(message),
    );
  }
});
