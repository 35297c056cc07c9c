import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, writeFileSync } from 'node:fs'
import { constants, setPriority } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { Children } from './children.ts'
import { findProgram, missingPrograms } from './programs-needed.ts'

const PROGRAM = fileURLToPath(new URL('programs/far-path.pl', import.meta.url))
/** Set in a process that has a network of its own. */
const MARK = 'MEZITE_BENCH_NETWORK'

/** How long a way is, and how bad. */
export interface Way {
  readonly roundTripMs: number
  /** Share of the packets that are lost, 0 to 1. */
  readonly loss: number
}

export const hasOwnNetwork = (): boolean => process.env[MARK] === '1'

/** Why there can be no network of its own, and so no path, here; null: there can. */
export function networkUnavailable(): string | null {
  if (process.getuid?.() !== 0) return 'paths with a delay are left out: they need root'
  try {
    accessSync('/dev/net/tun')
  } catch {
    return 'paths with a delay are left out: there is no /dev/net/tun'
  }
  const missing = missingPrograms(['perl', 'unshare', 'ip'])
  if (missing !== null) return missing
  const { status } = spawnSync(findProgram('unshare') ?? 'unshare', ['--net', 'true'])
  return status === 0 ? null : 'paths with a delay are left out: no network namespace may be made here'
}

/** Runs this program again in a network namespace, so that nothing of this machine's network changes. Its exit code. */
export async function runInOwnNetwork(): Promise<number> {
  const child = spawn(
    findProgram('unshare') ?? 'unshare',
    ['--net', process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } },
  )
  // A terminal sends its signals to both.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => void (signal === 'SIGTERM' && child.kill(signal)))
  const [code] = (await once(child, 'exit')) as [number | null]
  return code ?? 1
}

const ip = (command: string): unknown => execFileSync(findProgram('ip') ?? 'ip', command.split(' '))

/** In the network of its own: 127.0.0.0/16 is this machine, and the rest of 127.0.0.0/8 can be far away. */
export function prepareNetwork(): void {
  ip('link set lo up')
  ip('route add local 127.0.0.0/16 dev lo table local src 127.0.0.1')
  ip('route del local 127.0.0.0/8 dev lo table local')
}

/** Opens path number `number` (from 1 on). Connections to the address that is returned arrive at 127.0.0.1, by a long way. */
export async function openPath(
  children: Children,
  number: number,
  { roundTripMs, loss }: Way,
): Promise<string> {
  const [device, address] = [`mzpath${number}`, `127.77.${number}.2`]
  const relay = children.spawn(findProgram('perl') ?? 'perl', [
    ...[PROGRAM, device, String(roundTripMs / 2), String(loss)],
  ])
  await once(createInterface({ input: relay.stdout! }), 'line')
  // A packet must not be late because the machine is busy.
  setPriority(relay.pid ?? 0, constants.priority.PRIORITY_HIGHEST)
  // Otherwise the kernel takes packets with such an address for forged ones.
  writeFileSync(`/proc/sys/net/ipv4/conf/${device}/route_localnet`, '1')
  ip(`link set ${device} up mtu 1500 txqueuelen 10000`)
  ip(`route add ${address}/32 dev ${device} src 127.0.0.1`)
  return address
}
