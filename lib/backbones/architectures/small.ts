/** Small relatives of the lab's backbones, without published weights: with drawings, they keep the labs running offline. */
import {imagenet} from '../../pictures';
import {type Architecture, type Definition, defineBackbone} from '../architecture';
import {efficientnet_b0, efficientnetPaper, efficientnetStages} from './efficientnet';
import {mobilenet_v2, mobilenetV2Paper, mobilenetV2Stages} from './mobilenetV2';
import {squeezenet1_1, squeezenetPaper, squeezenetStages} from './squeezenet';
import {deit, deit_tiny_patch16_224, deitPaper} from './visionTransformer';

const size = 64;

function small(
  name: string,
  title: string,
  paper: Definition['paper'],
  network: Pick<Definition, 'stages' | 'pool' | 'boundToSize' | 'originalHead'>,
): Architecture {
  const preprocessing = imagenet({resize: 72, crop: size});
  return defineBackbone({name, title, paper, weights: null, preprocessing, ...network});
}

export const mobilenet_v2_small = small('mobilenet_v2_small', 'MobileNetV2 (small)', mobilenetV2Paper, {
  stages: mobilenetV2Stages(0.25),
  originalHead: mobilenet_v2.originalHead,
});

export const squeezenet1_1_small = small('squeezenet1_1_small', 'SqueezeNet 1.1 (small)', squeezenetPaper, {
  stages: squeezenetStages(0.5),
  originalHead: squeezenet1_1.originalHead,
});

export const efficientnet_small = small('efficientnet_small', 'EfficientNet (small)', efficientnetPaper, {
  stages: efficientnetStages({width: 0.25, depth: 0.5}),
  originalHead: efficientnet_b0.originalHead,
});

export const deit_small = small('deit_small', 'DeiT (small)', deitPaper, {
  ...deit({width: 64, depth: 4, heads: 2, patch: 8}),
  originalHead: deit_tiny_patch16_224.originalHead,
});
