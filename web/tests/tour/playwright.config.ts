/** `npm run tour`: the pictures of docs/tour.md, taken anew from a demo. */
import { defineConfig } from '@playwright/test'

import base from '../../playwright.config'

export default defineConfig({
  ...base,
  testDir: '.',
  testMatch: 'tour.ts',
  outputDir: '../../test-results',
  workers: 1,
  timeout: 180_000,
})
