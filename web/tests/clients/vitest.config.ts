import { defineConfig } from 'vitest/config'

/** Clients that speak to a real server, a demo of each one's own: `scripts/test-clients`. */
export default defineConfig({
  test: {
    dir: 'tests/clients',
    include: ['**/*.test.js'],
    environment: 'node',
    // A life is told in order: a step needs what those before it did.
    sequence: { concurrent: false },
    maxWorkers: 2,
    minWorkers: 1,
    testTimeout: 20_000,
    hookTimeout: 90_000,
    reporters: ['verbose'],
  },
})
