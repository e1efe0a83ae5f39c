import type {ExperimentHooks} from '../experiments';
import {showWarning} from './display';
import type {ProgressLine} from './progress';

/** Shows how far a download has come on the line that is given when there is one. */
export const download =
  (line: () => ProgressLine): ExperimentHooks['onDownload'] & {} =>
  (file, {received, total = null}) =>
    line().report({title: file, unit: 'bytes', done: received, total});

/** Shows what is told while weights and frozen features are made ready, under the title that holds then. */
export function preparation(
  line: ProgressLine,
  title: () => string,
): Required<Pick<ExperimentHooks, 'onWarning' | 'onDownload' | 'onFeatures'>> {
  return {
    onWarning: showWarning,
    onDownload: download(() => line),
    onFeatures: (done, total) =>
      line.report({title: `${title()} · frozen features`, unit: 'images', done, total}),
  };
}
