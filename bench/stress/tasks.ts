/** What a kernel is asked for, with options and answers that are plain JSON. */
import {join} from 'node:path';
import {setImmediate} from 'node:timers/promises';
import {Backbone} from '../../lib/backbones';
import {mobilenet_v2_small} from '../../lib/backbones/architectures/small';
import {type Dataset, openDataset, type Split, storedSplit} from '../../lib/datasets';
import {fetchFile} from '../../lib/downloads';
import {type ExperimentOptions, openWorkspace, runExperiment} from '../../lib/experiments';
import {frozenFeatures, prune} from '../../lib/features';
import {RunStore} from '../../lib/runs';
import {type ExperimentKind, experiments} from './experiments';
import {digest, type Outcome, outcomeOf} from './outcome';

interface Photos {
  home: string;
  photos: string;
}

interface Home extends Photos {
  kind: ExperimentKind;
  changes?: Partial<ExperimentOptions>;
}

const dataIn = (home: string) => join(home, 'data');
const runsIn = (home: string) => join(home, 'models', 'runs');

/** What nobody should hear: a run that was set aside, features that were damaged. */
function onWarning(message: string): void {
  throw new Error(`warned of: ${message}`);
}

const openPhotos = ({home, photos}: Photos): Promise<Dataset> =>
  openDataset(photos, {dataFolder: dataIn(home), mirror: ''});

const told = ({id, state, parts}: Split) => ({
  id,
  state,
  parts: Object.values(parts).map((part) => part.map(({picture, label}) => `${picture.key} ${label}`)),
});

export const tasks = {
  /** Fetches a file; the attempts follow one another quickly. */
  fetch: async ({address, to, sha256}: {address: string; to: string; sha256?: string}) => {
    const {
      path: _,
      source: __,
      ...file
    } = await fetchFile({
      name: 'The photos',
      to,
      addresses: [address],
      sha256,
      mirror: '',
      backoff: 5,
    });
    return file;
  },

  /** Unpacks and scans the photos. */
  open: async (options: Photos) => {
    const {photos, classes, skipped} = await openPhotos(options);
    return {
      classes,
      skipped,
      photos: photos.map(({picture, hash}) => `${picture.name} ${picture.key} ${hash}`),
    };
  },

  split: async (options: Photos) =>
    told(await storedSplit(await openPhotos(options), {seed: 1, folder: dataIn(options.home)})),

  /** Computes frozen features after one stage and after all, reads them back, and gives their digests. */
  features: async (options: Photos) => {
    const {photos} = await openPhotos(options);
    const architecture = mobilenet_v2_small;
    const backbone = Backbone.random(architecture, 1);
    const stores = await frozenFeatures(photos, {
      backbone,
      weights: 'random, seed 1',
      preprocessing: architecture.preprocessing,
      view: 'evaluation',
      stages: [1, architecture.stages.length],
      folder: join(options.home, 'features'),
      batchSize: 6,
    });
    backbone.dispose();
    const keys = photos.map(({picture}) => picture.key);
    return stores.map((store) => {
      if (store.warning) onWarning(store.warning);
      const values = store.read(keys);
      store.close();
      return digest(new Uint8Array(values.buffer));
    });
  },

  /** Removes all frozen features that nobody uses; gives the folders that it removed. */
  prune: async ({home}: {home: string}) => prune(join(home, 'features'), 0).map(({folder}) => folder),

  /** What a notebook does from its first cell on: opens the lab and runs an experiment. */
  run: async ({home, photos, kind, changes}: Home): Promise<Outcome> => {
    const workspace = await openWorkspace({dataset: photos, seed: 1, folder: home, mirror: ''});
    const runs = new RunStore(runsIn(home), onWarning);
    const options: ExperimentOptions = {...experiments[kind], ...changes};
    return outcomeOf(runs, await runExperiment(options, {...workspace, runs}));
  },

  /** Looks at the store for some milliseconds; gives the lists of complete runs that it saw, each once. */
  watch: async ({home, milliseconds}: {home: string; milliseconds: number}) => {
    const runs = new RunStore(runsIn(home), onWarning);
    const seen = new Set<string>();
    for (const end = performance.now() + milliseconds; performance.now() < end; await setImmediate()) {
      const records = runs.list();
      seen.add(JSON.stringify(records.map((record) => [record.id, record.result])));
    }
    return [...seen];
  },

  /** Gives a stored run another name. */
  rename: async ({home, id, name}: {home: string; id: string; name: string}) =>
    new RunStore(runsIn(home), onWarning).rename(id, name)?.name ?? null,

  stored: async ({home}: {home: string}): Promise<Outcome[]> => {
    const runs = new RunStore(runsIn(home), onWarning);
    return runs.list().map((record) => outcomeOf(runs, record));
  },
};

export type Tasks = typeof tasks;
