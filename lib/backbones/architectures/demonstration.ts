/** Small relatives of the lab's four backbones, without published weights: they keep the labs running offline. */
import {imagenet} from '../../batches';
import {type Architecture, type Definition, defineBackbone, type Stage} from '../architecture';
import {deitPaper, deitStages} from './deit';
import {efficientnetPaper, efficientnetStages} from './efficientnet';
import {mobilenetV2Paper, mobilenetV2Stages} from './mobilenetV2';
import {squeezenetPaper, squeezenetStages} from './squeezenet';

const size = 64;

function small(name: string, title: string, paper: Definition['paper'], stages: Stage[]): Architecture {
  const preprocessing = imagenet({resize: 72, crop: size});
  return defineBackbone({name, title, paper, weights: null, preprocessing, stages});
}

export const mobilenet_v2_small = small(
  'mobilenet_v2_small',
  'MobileNetV2 (small)',
  mobilenetV2Paper,
  mobilenetV2Stages(0.25),
);

export const squeezenet1_1_small = small(
  'squeezenet1_1_small',
  'SqueezeNet 1.1 (small)',
  squeezenetPaper,
  squeezenetStages(0.5),
);

export const efficientnet_small = small(
  'efficientnet_small',
  'EfficientNet (small)',
  efficientnetPaper,
  efficientnetStages({width: 0.25, depth: 0.5}),
);

export const deit_small = small(
  'deit_small',
  'DeiT (small)',
  deitPaper,
  deitStages({width: 64, depth: 4, heads: 2, patch: 8, size}),
);
