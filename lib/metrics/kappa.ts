import {checkConfusion, type Confusion} from './confusion';
import {accuracy} from './report';

/**
 * Cohen's kappa, the agreement beyond chance: (observed - expected) / (1 - expected), where `expected` is what two that
 * give their labels as often, but without looking, would agree on (Cohen 1960, A Coefficient of Agreement for Nominal
 * Scales; scikit-learn's cohen_kappa_score). 1 is full agreement, 0 none but by chance; null where both give every item
 * the same one label, so that there is nothing beyond chance. Throws LabError when the matrix is not square or counts nothing.
 */
export function cohensKappa(confusion: Confusion): number | null {
  checkConfusion(confusion);
  const rows = confusion.map((row) => row.reduce((sum, count) => sum + count, 0));
  const columns = confusion.map((_, label) => confusion.reduce((sum, row) => sum + row[label], 0));
  const items = rows.reduce((sum, count) => sum + count, 0);
  const expected = rows.reduce((sum, count, label) => sum + count * columns[label], 0) / items ** 2;
  return expected === 1 ? null : (accuracy(confusion) - expected) / (1 - expected);
}
