import tseslint from 'typescript-eslint';

const nodeTest = ['test', 'describe', 'it', 'before', 'after', 'beforeEach', 'afterEach'];

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
  {
    // ESLint does not see the types that comments give to JSON; the compiler does.
    files: ['setup/**/*.mjs'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
    },
  },
);
