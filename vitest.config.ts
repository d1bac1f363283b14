import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'bench/test/**/*.test.ts'],
    exclude: ['test/interop/**', '**/node_modules/**'],
    pool: 'forks',
    reporters: ['default', './test/reporter/closing-line.ts'],
    coverage: { include: ['packages/*/src/**/*.ts'] },
  },
})
