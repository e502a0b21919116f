import { relative, resolve, sep } from 'node:path';

import js from '@eslint/js';
import globals from 'globals';

/**
 * The layers of the scripts, and the layers that each may import besides itself. A layer is a folder or a file.
 *
 * @type {Record<string, string[]>}
 */
const LAYERS = {
  'har/web/shared': [],
  'dashboard/web': ['har/web/shared'],
  'classify/plots': [],
  ...phoneLayers({
    windowing: [],
    sensing: [],
    releases: ['windowing'],
    sending: ['vendor', 'windowing', 'sensing'],
    classification: ['vendor', 'windowing', 'sensing', 'releases', 'sending'],
    views: ['vendor', 'windowing', 'sensing', 'releases', 'sending', 'classification'],
    'configuration.js': [],
    'single-tab.js': [],
    'test-access.js': [],
    'service-worker.js': [],
    'phone.js': ['windowing', 'sensing', 'releases', 'sending', 'classification'],
    'main.js': ['configuration.js', 'phone.js', 'single-tab.js', 'test-access.js', 'sending', 'views'],
  }),
};

/** @param {Record<string, string[]>} layers By names inside the phone page. @returns {Record<string, string[]>} */
function phoneLayers(layers) {
  const path = (/** @type {string} */ name) => `ingest/phone_page/${name}`;
  return Object.fromEntries(
    Object.entries(layers).map(([name, imported]) => [path(name), ['har/web/shared', ...imported.map(path)]]),
  );
}

/**
 * @param {string} path Relative to this folder.
 * @returns {string} The layer of a script or of what it imports; the path itself outside of the layers.
 */
function layerOf(path) {
  const served = path.split(sep).join('/').replace(/^(ingest\/phone_page|dashboard\/web)\/shared\//, 'har/web/shared/');
  return [...Object.keys(LAYERS), 'ingest/phone_page/vendor'].find((layer) => `${served}/`.startsWith(`${layer}/`)) ?? served;
}

/** @type {import('eslint').Rule.RuleModule} Checks static and dynamic imports. */
const layers = {
  meta: {
    type: 'problem',
    schema: [],
    messages: {
      unplaced: 'This script is in no layer: add it to LAYERS in eslint.config.js.',
      forbidden: '{{importer}} may not import {{imported}}: see LAYERS in eslint.config.js.',
      unknown: 'Import a script by its relative path, written as a string, so that its layer is known.',
    },
  },
  create(context) {
    const importer = layerOf(relative(import.meta.dirname, context.filename));
    /** @param {{source?: import('estree').Expression | null} & import('eslint').Rule.NodeParentExtension} node */
    const check = (node) => {
      if (!node.source) return; // an export of the script's own names
      const path = node.source.type === 'Literal' ? String(node.source.value) : '';
      if (!/^\.\.?\//.test(path)) return context.report({ node: node.source, messageId: 'unknown' });
      const imported = layerOf(relative(import.meta.dirname, resolve(context.filename, '..', path)));
      if (imported === importer || LAYERS[importer]?.includes(imported)) return;
      context.report({ node: node.source, messageId: 'forbidden', data: { importer, imported } });
    };
    return {
      Program(node) {
        if (!(importer in LAYERS)) context.report({ node, messageId: 'unplaced' });
      },
      ImportDeclaration: check,
      ExportAllDeclaration: check,
      ExportNamedDeclaration: check,
      ImportExpression: check,
    };
  },
};

export default [
  { ignores: ['**/node_modules/', '.venv/', 'build/', 'htmlcov/'] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2024, sourceType: 'module' },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      curly: ['error', 'multi-line'],
      eqeqeq: 'error',
      'max-lines-per-function': ['error', { max: 50, skipComments: true }],
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
    files: ['ingest/phone_page/**/*.js', 'dashboard/web/**/*.js', 'har/web/**/*.js', 'classify/plots/*.js'],
    languageOptions: { globals: globals.browser },
    plugins: { har: { rules: { layers } } },
    rules: { 'har/layers': 'error' },
  },
  { files: ['deploy/mqtt/*.cjs'], languageOptions: { sourceType: 'commonjs' } },
  {
    files: ['ingest/phone_page/service-worker.js'],
    languageOptions: {
      sourceType: 'script',
      globals: { ...globals.serviceworker, SHELL: 'readonly', ON_DEMAND: 'readonly' },
    },
  },
  { files: ['tests/**/*.mjs', 'eslint.config.js'], languageOptions: { globals: globals.node }, rules: { 'no-console': 'off' } },
];
