import tseslint from 'typescript-eslint';

const nodeTest = ['test', 'describe', 'it', 'before', 'after', 'beforeEach', 'afterEach'];

/** The folders of lib in the order in which data flows (README.md, The house): each imports only from those before it. */
const folders = [
  'engine',
  'storage',
  'downloads',
  'pictures',
  'datasets',
  'collecting',
  'batches',
  'checkpoints',
  'backbones',
  'heads',
  'features',
  'metrics',
  'training',
  'runs',
  'experiments',
  'labelling',
  'embeddings',
  'tensorboard',
  'charts',
  'notebook',
];

/** The files of `files` must not import from the folders `later`. */
const importsOnlyFromBefore = (files, later) => ({
  files: [files],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            regex: `^\\.{1,2}/(\\.\\./)*(${later.join('|')})(/|$)`,
            message: 'A folder of lib imports only from those before it (README.md, The house).',
          },
        ],
      },
    ],
  },
});

export default tseslint.config(
  {ignores: ['dist*/', 'node_modules/', '.venv/', 'reports/', 'data/', 'models/']},
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-unused-vars': ['error', {varsIgnorePattern: '^_', ignoreRestSiblings: true}],
    },
  },
  {
    files: ['lib/**/*.ts', 'test/**/*.ts', 'setup/**/*.mjs'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: {parserOptions: {project: './test/tsconfig.json', tsconfigRootDir: import.meta.dirname}},
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {allowForKnownSafeCalls: [{from: 'package', name: nodeTest, package: 'node:test'}]},
      ],
    },
  },
  ...folders
    .slice(0, -1)
    .map((folder, i) => importsOnlyFromBefore(`lib/${folder}/**/*.ts`, folders.slice(i + 1))),
  {...importsOnlyFromBefore('lib/*.ts', folders), ignores: ['lib/index.ts']},
  {
    // ESLint does not see the types that comments give to JSON; the compiler does.
    files: ['setup/**/*.mjs'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
);
