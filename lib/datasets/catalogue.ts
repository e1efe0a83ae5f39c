/** A data set that Transfer Lab can fetch by its name. */
export interface CatalogueEntry {
  /** What a user calls it; also its folder under `data/`. */
  name: string;
  title: string;
  /** Public zip archives, tried in order. They may be packed differently as long as one of `layouts` fits. */
  addresses: readonly string[];
  /** The archive's file name, under `datasets/` in a mirror. */
  archive: string;
  /** Of the archive, where all places serve the same bytes; else the first download's is recorded. */
  sha256?: string;
  licence: string;
  classes: readonly string[];
  /** Where the class folders lie inside the archive, by place. */
  layouts: readonly string[];
}

export const garbageClasses = ['cardboard', 'glass', 'metal', 'paper', 'plastic', 'trash'] as const;

export const catalogue: readonly CatalogueEntry[] = [
  {
    name: 'garbage',
    title: 'Garbage Classification (TrashNet)',
    addresses: [
      'https://www.kaggle.com/api/v1/datasets/download/asdasdasasdas/garbage-classification',
      'https://huggingface.co/datasets/garythung/trashnet/resolve/main/dataset-resized.zip',
    ],
    archive: 'dataset-resized.zip',
    licence: 'MIT (Gary Thung and Mindy Yang, 2016, github.com/garythung/trashnet)',
    classes: garbageClasses,
    layouts: ['dataset-resized', 'Garbage classification/Garbage classification'],
  },
];
