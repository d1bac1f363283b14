import { defineConfig } from 'vitest/config'

/** The tests against peers of other makes; they need `npm ci` in this folder. */
export default defineConfig({
  test: {
    root: import.meta.dirname,
    include: ['*.test.ts'],
    pool: 'forks',
    // Each test runs two nodes of two makes.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', '../reporter/closing-line.ts'],
  },
})
