import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { brotliCompress, constants, gzip } from 'node:zlib'

import type { Plugin } from 'vite'

const compressible = /\.(html|js|css|svg|json)$/
/** Below this the headers weigh as much as what is saved. */
const LEAST = 1_024

/** Writes `.br` and `.gz` beside what is built, so that the server compresses nothing at a request. */
export function compress(): Plugin {
  return {
    name: 'compress',
    apply: 'build',
    async writeBundle({ dir = '' }, bundle) {
      const names = Object.keys(bundle).filter((name) => compressible.test(name))
      await Promise.all(names.map((name) => compressFile(join(dir, name))))
    },
  }
}

async function compressFile(file: string): Promise<void> {
  const content = await readFile(file)
  if (content.length < LEAST) return
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length }
  const variants = [
    ['br', await promisify(brotliCompress)(content, { params })],
    ['gz', await promisify(gzip)(content, { level: 9 })],
  ] as const
  for (const [ending, compressed] of variants) {
    if (compressed.length < content.length) await writeFile(`${file}.${ending}`, compressed)
  }
}
