/** A demo server of a test's own, with a folder of its own, on a free port. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

// Not left in the environment: what begins with YUYUE_ is a setting to the program.
const { YUYUE_BINARY: given, ...environment } = process.env
export const ENVIRONMENT = environment

/** The program under test. */
export const BINARY = given ?? fileURLToPath(new URL('../../../../target/debug/yuyue', import.meta.url))
const PATIENCE = 60_000

export interface Demo {
  /** `http://127.0.0.1:PORT` */
  url: string
  stop: () => Promise<void>
}

/** `settings` are environment variables. */
export async function startDemo(settings: Record<string, string> = {}): Promise<Demo> {
  const folder = await mkdtemp(join(tmpdir(), 'yuyue-browser-'))
  const server = await startServer(['--demo', '--data-dir', folder], settings)
  return {
    url: server.url,
    async stop() {
      await server.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** `yuyue serve` with these arguments, on a free port, from the moment it is ready. */
export async function startServer(args: string[], settings: Record<string, string> = {}): Promise<Demo> {
  const server = spawn(BINARY, ['serve', '--listen', '127.0.0.1:0', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...environment, YUYUE_LOG__LEVEL: 'error', ...settings },
  })
  const ended = new Promise<void>((resolve) => server.once('exit', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the server did not start')), PATIENCE)
    server.once('error', reject)
    server.once('exit', (code) => reject(new Error(`the server ended at once, with ${code}`)))
    createInterface(server.stdout).on('line', (line) => {
      const found = /^listening on (http:\S+)$/.exec(line)?.[1]
      if (found === undefined) return
      clearTimeout(timer)
      resolve(found)
    })
  })
  return {
    url,
    async stop() {
      server.kill('SIGTERM')
      await ended
    },
  }
}
