/**
 * Checks of public paths in this thread, each about a request with a body of 1 KiB that it admits, and the memory against
 * copies in the database of the address that the program is started with. Tells when it is ready and then, for each message,
 * the processor time of each check, and the time that the memory takes.
 */
import { randomUUID } from 'node:crypto'
import { database, defineHubPlugin } from '@mezite/core'
import { createTestHub } from '@mezite/core/testing'
import { createUses, type Uses } from '../../../plugins/public-paths/uses.ts'
import { HOOK, open, SECRETS } from '../../plugins/public-paths/open-verifier.ts'
import { senders } from '../../plugins/public-paths/senders.ts'
import { median } from '../statistics.ts'

/** Microseconds of each. */
export interface VerifyingResult {
  readonly checksUs: Readonly<Record<string, number>>
  readonly rememberUs: number
  readonly copyUs: number
}

const CHECKS = 10_000
const PASSES = 9
const USES = 200
const BODY = Buffer.alloc(1_024, 'x')

const signed = Object.entries(senders).map(([name, { rule, sign, secret }]) => ({ name, rule, sign, secret }))
const unsigned = [
  { name: 'networks', rule: { networks: ['203.0.113.0/24'] } },
  { name: 'anyone', rule: 'anyone' },
].map((one) => ({ ...one, sign: () => [], secret: null }))

/** Processor time of one check, the median of some passes. */
async function check({ rule, sign, secret }: (typeof signed | typeof unsigned)[number]): Promise<number> {
  ;(SECRETS as Map<string, string>).set('sender', secret ?? '')
  const world = open([{ ...HOOK, rate: '99999/s', verify: rule }], undefined, false)
  const request = world.request('/hook', sign(BODY, world.clock.now() / 1_000))
  const passes: number[] = []
  for (let pass = 0; pass < PASSES; pass++) {
    const begun = process.threadCpuUsage()
    for (let count = 0; count < CHECKS; count++) {
      const found = world.verifier.verify(request)
      if (found === null || found.refuse !== undefined || (found.body && !(await found.body.check(BODY))))
        throw new Error('a check refuses what it should admit')
    }
    const { user, system } = process.threadCpuUsage(begun)
    passes.push((user + system) / CHECKS)
  }
  return median(passes)
}

let uses: Uses
const plugin = defineHubPlugin({
  name: 'bench-verifying',
  api: 1,
  summary: 'Remembers requests',
  needs: { database },
  setup({ use, clock }) {
    uses = createUses(use.database, clock)
  },
})

async function remember(hashes: readonly string[], expected: boolean): Promise<number> {
  const times: number[] = []
  for (const hash of hashes) {
    const begun = performance.now()
    if ((await uses.isFirst(hash, 300_000)) !== expected) throw new Error('the memory is wrong')
    times.push((performance.now() - begun) * 1_000)
  }
  return median(times)
}

async function measure(): Promise<VerifyingResult> {
  const checksUs: Record<string, number> = {}
  for (const one of [...signed, ...unsigned]) checksUs[one.name] = await check(one)
  const hashes = Array.from({ length: USES }, () => randomUUID())
  return { checksUs, rememberUs: await remember(hashes, true), copyUs: await remember(hashes, false) }
}

const [url] = process.argv.slice(2)
const hub = await createTestHub({ plugins: [plugin], config: { database: { driver: 'postgres', url } } })
process.on('SIGTERM', () => void hub.stop().then(() => process.exit(0)))
process.on('message', () => void measure().then((result) => process.send?.(result)))
process.send?.({ ready: true })
