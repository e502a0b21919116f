import js from '@eslint/js';
import globals from 'globals';

export default [
  { ignores: ['**/node_modules/', '.venv/', 'build/', 'htmlcov/'] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: 'module' },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      curly: ['error', 'multi-line'],
      eqeqeq: 'error',
      'no-console': ['error', { allow: ['warn', 'error', 'info'] }],
      'no-implicit-coercion': 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-arrow-callback': 'error',
      'prefer-const': 'error',
      'prefer-template': 'error',
    },
  },
  {
    files: ['ingest/phone_page/**/*.js', 'dashboard/web/**/*.js', 'har/web/**/*.js'],
    languageOptions: { globals: globals.browser },
  },
  {
    files: ['ingest/phone_page/service-worker.js'],
    languageOptions: {
      sourceType: 'script',
      globals: { ...globals.serviceworker, SHELL: 'readonly', ON_DEMAND: 'readonly' },
    },
  },
  { files: ['tests/**/*.mjs', 'eslint.config.js'], languageOptions: { globals: globals.node }, rules: { 'no-console': 'off' } },
];
