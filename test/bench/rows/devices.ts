import { type TestHub, Visitor } from '../../../core/testing/index.ts'
import { devicesOf } from '../../plugins/devices/device-hub.ts'
import { keysOf } from '../../plugins/webauthn/key-hub.ts'
import type { BenchMachine } from '../bench-machine.ts'
import { nextMessage } from '../children.ts'
import { inRounds } from '../measure.ts'
import type { VerifyingResult } from '../programs/verifying.ts'
import { alone, type Figure, most } from '../row.ts'
import { quantile } from '../statistics.ts'
import type { Ours } from '../targets/ours.ts'
import { requestRates } from './tokens.ts'

const DEVICES = 64
/** A person may have 25. */
const EACH = 22
/** Devices that are removed in a round, each with an open download: nobody may confirm more than 30 times a minute. */
const REMOVED = 4

export const devices = {
  name: 'devices',
  summary:
    'requests a second with devices against cookies, removal to cut, and what each check of a public path costs',
  compares: 'equal: everything but the credential. The other figures stand alone',
  async run(machine: BenchMachine): Promise<Figure[]> {
    const ours = await machine.oursWithTokens()
    if (ours === null) return []
    const people = await addDevices(ours)
    const secrets = people.flatMap(({ secrets }) => secrets)
    const target = {
      ...ours.many,
      name: 'ours, devices',
      header: 'Mezite-Device' as const,
      cookie: (connection: number) => secrets[connection % secrets.length] ?? '',
    }
    return [
      ...(machine.lacks(['h2load'])
        ? []
        : await machine.part('requests', () => requestRates(machine, ours.many, target, 'device'))),
      ...(await machine.part('removal', () => removals(machine, ours, people))),
      ...(await machine.part('checks', () => checks(machine))),
    ]
  },
}

interface Owner {
  readonly secrets: readonly string[]
  add(name: string): Promise<{ readonly id: string; readonly secret: string }>
}

/** People with passkeys who add devices for the application as everybody does. */
async function addDevices({ api, cluster, url }: Ours): Promise<Owner[]> {
  const hub = {
    api,
    appUrl: (name: string) => url.replace('//bench.', `//${name}.`),
    url: cluster.hubUrl,
    signInUrl: cluster.hubUrl,
    visitor: () => new Visitor(cluster.ca),
  } as unknown as TestHub
  const keys = await keysOf(hub)
  await api('PUT', '/roles/bench-people', {
    kind: 'role',
    version: 'v1',
    metadata: { name: 'bench-people' },
    spec: { allow: { app_labels: { team: 'platform' } } },
  })
  const { add } = devicesOf(hub, keys)
  const owners: Owner[] = []
  while (owners.length * EACH < DEVICES) {
    const holder = await keys.person(`owner-${owners.length}@example.com`, ['bench-people'])
    const secrets: string[] = []
    while (secrets.length < EACH) {
      const { secret } = await add(holder, { app: 'bench', name: `Phone ${secrets.length}` })
      secrets.push(secret)
    }
    owners.push({ secrets, add: (name) => add(holder, { app: 'bench', name }) })
  }
  return owners
}

/** From the call that removes a device to the end of its download. */
async function removals(machine: BenchMachine, ours: Ours, people: readonly Owner[]): Promise<Figure[]> {
  const target = { name: 'removed devices' }
  const someone = new Visitor(ours.cluster.ca)
  let turn = 0
  const of = await inRounds(machine, [target], async (_, round) => {
    const took: number[] = []
    for (let count = 0; count < REMOVED; count++) {
      const owner = people[turn++ % people.length] as Owner
      const { id, secret } = await owner.add(`Removed ${round} ${count}`)
      const download = await someone.stream(`${ours.url}/drip`, { headers: { 'mezite-device': secret } })
      download.on('error', () => {}).resume()
      const cut = new Promise<number>((resolve) => download.on('close', () => resolve(performance.now())))
      const from = performance.now()
      await ours.api('DELETE', `/devices/${id}`)
      took.push((await cut) - from)
    }
    return { took }
  })
  const all = of(target).flatMap(({ took }) => took)
  return [
    alone('device removed to cut, p50', 'ms', all),
    { ...alone('device removed to cut, longest', 'ms', [quantile(all, 1)], most(1_000, 1_000)), range: null },
  ]
}

/** What each check of a public path costs, and what remembering a request against copies adds on PostgreSQL. */
async function checks(machine: BenchMachine): Promise<Figure[]> {
  const postgres = await machine.postgres()
  if (postgres === null) return []
  const { child } = await machine.children.program('verifying', await postgres.createDatabase())
  const target = { name: 'one thread' }
  const of = await inRounds(machine, [target], async () => {
    const result = nextMessage(child) as Promise<VerifyingResult>
    child.send('round')
    return await result
  })
  await machine.children.end(child)
  const rounds = of(target)
  return [
    ...Object.keys(rounds[0]?.checksUs ?? {}).map((name) =>
      alone(
        `public path, ${name}, 1 KiB`,
        'us',
        rounds.map(({ checksUs }) => checksUs[name] ?? Number.NaN),
      ),
    ),
    alone(
      'public path, remembering a request on PostgreSQL',
      'us',
      rounds.map(({ rememberUs }) => rememberUs),
    ),
    alone(
      'public path, refusing a copy on PostgreSQL',
      'us',
      rounds.map(({ copyUs }) => copyUs),
    ),
  ]
}
