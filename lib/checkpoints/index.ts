/**
 * Files of weights: safetensors (sharded ones by their index) and PyTorch's .pth, as plain typed arrays in the names and
 * layout of PyTorch; what a file is shows in its content, not its name. A network in it is found under whatever prefix or
 * dictionary it stands; of several, `path#name` says which. Whatever else a file is, damaged or asks for, is an error
 * that names it and the remedy. Nothing in a file is run.
 */
export type {Checkpoint} from './checkpoint';
export type {DType} from './dtypes';
export {formulaInput, formulaProbe, formulaTensor} from './formula';
export {isWeight, matchTensors, type MatchOptions} from './match';
export {findNetwork, type Network} from './network';
export {checkpointDigest, openCheckpoint} from './open';
export {writeSafetensors, type NamedValues} from './safetensors';
export type {StoredTensor} from './tensor';
