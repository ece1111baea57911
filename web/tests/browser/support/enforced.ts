/** A server that wants credentials, with one device: what an operator sets up first. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

import { BINARY, type Demo, ENVIRONMENT, startServer } from './demo'

export interface Enforced extends Demo {
  deviceKey: string
}

export async function startEnforced(kind: 'kiosk' | 'gate'): Promise<Enforced> {
  const folder = await mkdtemp(join(tmpdir(), 'yuyue-enforced-'))
  const add = ['device', 'add', '--name', 'test', '--kind', kind, '--data-dir', folder]
  const { stdout } = await promisify(execFile)(BINARY, add, { env: ENVIRONMENT })
  const deviceKey = stdout.trim().split('\n').at(-1) ?? ''
  const server = await startServer(['--data-dir', folder])
  return {
    url: server.url,
    deviceKey,
    async stop() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}
