import {dirname, join} from 'node:path';
import type {Workspace} from '../experiments';

/** Where `npm run tensorboard` looks: beside the store of runs. */
export const boardFolder = ({runs}: Pick<Workspace, 'runs'>): string =>
  join(dirname(runs.folder), 'tensorboard');
