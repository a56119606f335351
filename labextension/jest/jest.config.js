/**
 * Jest over labextension/src. What tests lives in this folder's node_modules, what is tested uses the packages of the
 * build beside it; React must be one and the same for both.
 */
const path = require('path');

const root = path.resolve(__dirname, '..');
const built = path.join(root, 'node_modules');

module.exports = {
  rootDir: root,
  roots: ['<rootDir>/src'],
  testEnvironment: path.join(__dirname, 'environment.js'),
  testMatch: ['**/__tests__/**/*.spec.ts', '**/__tests__/**/*.spec.tsx'],
  modulePaths: [path.join(__dirname, 'node_modules')],
  moduleNameMapper: {
    '\\.svg$': path.join(__dirname, 'svg.js'),
    '\\.css$': path.join(__dirname, 'svg.js'),
    '^react$': path.join(built, 'react'),
    '^react/(.*)$': path.join(built, 'react/$1'),
    '^react-dom$': path.join(built, 'react-dom'),
    '^react-dom/(.*)$': path.join(built, 'react-dom/$1')
  },
  // JupyterLab's packages are ES modules.
  transform: {
    '\\.(ts|tsx|js|mjs)$': [
      path.join(__dirname, 'node_modules/@swc/jest'),
      {
        jsc: {
          parser: { syntax: 'typescript', tsx: true },
          transform: { react: { runtime: 'automatic' } },
          target: 'es2022'
        }
      }
    ]
  },
  transformIgnorePatterns: [],
  setupFiles: []
};
