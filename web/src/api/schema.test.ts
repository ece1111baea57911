// @vitest-environment node
import { readFile } from 'node:fs/promises'

import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript'
import { expect, test } from 'vitest'

test('the types are those of the server: `make bless`', { timeout: 60_000 }, async () => {
  const snapshot = new URL('../../../server/openapi.json', import.meta.url)
  const generated = COMMENT_HEADER + astToString(await openapiTS(snapshot))
  const committed = await readFile(new URL('./schema.ts', import.meta.url), 'utf8')
  expect(committed === generated).toBe(true)
})
