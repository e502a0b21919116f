import js from '@eslint/js';
import globals from 'globals';

/** Forbid the modules of a folder to import from the folders and files above it. */
const above = (folder, others) => ({
  files: [`ingest/phone_page/${folder}/*.js`],
  rules: {
    'no-restricted-imports': [
      'error',
      { patterns: [...others.map((other) => `../${other}/*`), '../phone.js', '../main.js', '../configuration.js'] },
    ],
  },
});

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
  // The phone page's layers: windowing and sensing, then releases and sending, then classification, the phone, the views.
  above('sensing', ['windowing', 'releases', 'sending', 'classification', 'views']),
  above('windowing', ['sensing', 'releases', 'sending', 'classification', 'views']),
  above('releases', ['sensing', 'sending', 'classification', 'views']),
  above('sending', ['releases', 'classification', 'views']),
  above('classification', ['views']),
  {
    files: ['ingest/phone_page/service-worker.js'],
    languageOptions: {
      sourceType: 'script',
      globals: { ...globals.serviceworker, SHELL: 'readonly', ON_DEMAND: 'readonly' },
    },
  },
  { files: ['tests/**/*.mjs', 'eslint.config.js'], languageOptions: { globals: globals.node }, rules: { 'no-console': 'off' } },
];
