/** Where a new head can stand; each place is an architecture of its own, so that what is frozen under it can be kept. */
import {LabError} from '../errors';
import {type Architecture, defineBackbone, type Stage} from './architecture';
import type {Net, Value} from './net';

/**
 * On the pooled features; on the flattened map of the last stage; or where the original output layer stood, on the
 * pretrained layers before it, which then count as the last stages.
 */
export type HeadPlace = 'pooled' | 'map' | 'original layers';

/** A feature map in PyTorch's order (channel, row, column) as one vector per photo. */
export function flattenedMap(net: Net, x: Value): Value {
  const [batch, height, width, channels] = x.shape;
  return net.reshape(net.transpose(x, [0, 3, 1, 2]), [batch, channels * height * width]);
}

/**
 * An architecture whose new head stands at a place. Throws a LabError where it has no such place: tokens make no map, and
 * a definition may lack an original head.
 */
export function withHeadOn(architecture: Architecture, place: HeadPlace): Architecture {
  if (place === 'pooled') return architecture;
  if (place === 'map') return onMap(architecture);
  if (place === 'original layers') return onOriginalLayers(architecture);
  throw new LabError(`head: on is "${String(place)}". Give 'pooled', 'map' or 'original layers'.`);
}

function onMap(architecture: Architecture): Architecture {
  const {name, stages, whole} = architecture;
  const {stage, output} = architecture.summary()[stages.length - 1];
  if (output.length !== 3) {
    throw new LabError(
      `${name}: its last stage, ${stage}, gives no map but [${output.join(', ')}]. Put the head on 'pooled'.`,
    );
  }
  const changes = {name: `${name} (map)`, pool: flattenedMap, originalHead: undefined};
  return defineBackbone({...architecture, ...changes}, whole);
}

function onOriginalLayers(architecture: Architecture): Architecture {
  const {name, stages, pool, originalHead, whole} = architecture;
  if (!originalHead)
    throw new LabError(`${name} has no original head. Put the head on 'pooled' or on 'map'.`);
  const {input = pool, layers = []} = originalHead;
  if (layers.length === 0 && input === pool) return architecture;
  const [first, ...others] = layers;
  const onInput: Stage[] = first
    ? [{name: first.name, forward: (net, x) => first.forward(net, input(net, x))}]
    : [];
  const changes = {
    name: `${name} (original layers)`,
    stages: [...stages, ...onInput, ...others],
    pool: (net: Net, x: Value) => (first ? x : input(net, x)),
    originalHead: undefined,
  };
  return defineBackbone({...architecture, ...changes}, whole);
}
