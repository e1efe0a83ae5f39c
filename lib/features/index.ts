export {type FeatureFolder, type FeatureKey, featureFolders, prune} from './folders';
export {type FrozenOptions, frozenFeatures} from './frozen';
export {FeatureStore} from './store';
