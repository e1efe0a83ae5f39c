/** Files of weights: safetensors and PyTorch's .pth, as plain typed arrays in the names and layout of PyTorch. */
export type {Checkpoint} from './checkpoint';
export type {DType} from './dtypes';
export {formulaInput, formulaProbe, formulaTensor} from './formula';
export {matchTensors, type MatchOptions} from './match';
export {openCheckpoint} from './open';
export {writeSafetensors, type NamedValues} from './safetensors';
export type {StoredTensor} from './tensor';
