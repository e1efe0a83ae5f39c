import type {ExperimentHooks} from '../experiments';
import {showWarning} from './display';
import type {ProgressLine} from './progress';

/** Shows what is told while weights and frozen features are made ready, under the title that holds then. */
export function preparation(
  line: ProgressLine,
  title: () => string,
): Required<Pick<ExperimentHooks, 'onWarning' | 'onDownload' | 'onFeatures'>> {
  return {
    onWarning: showWarning,
    onDownload: (file, {received, total = null}) =>
      line.report({title: file, unit: 'bytes', done: received, total}),
    onFeatures: (done, total) =>
      line.report({title: `${title()} · frozen features`, unit: 'images', done, total}),
  };
}
