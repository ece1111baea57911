/** Every package's licence, as the lockfile has it: what reaches a browser is as free as the server is. */
import { readFileSync } from 'node:fs'

const SHIPPED = new Set(['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', '0BSD'])
/** Tools only; none of it is part of what is built. */
const TOOLS = new Set([
  ...SHIPPED,
  'MIT-0',
  'MPL-2.0',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'CC-BY-4.0',
  'CC-BY-3.0',
  'Python-2.0',
  'Unlicense',
])

/** `(MIT OR CC0-1.0)`: one of them must be allowed; `A AND B`: both. */
function allows(expression, licences) {
  const bare = expression.replace(/[()]/g, '')
  return bare
    .split(' OR ')
    .some((part) => part.split(' AND ').every((licence) => licences.has(licence.trim())))
}

const { packages } = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'))
const faults = Object.entries(packages)
  .filter(([path]) => path !== '')
  .filter(([, { license = 'none', dev = false, devOptional = false }]) => {
    return !allows(license, dev || devOptional ? TOOLS : SHIPPED)
  })
  .map(([path, { license = 'none' }]) => `${path}: licence ${license}`)

for (const fault of faults) console.error(fault)
console.log(`licences of ${Object.keys(packages).length - 1} packages checked, ${faults.length} faults`)
process.exitCode = faults.length > 0 ? 1 : 0
