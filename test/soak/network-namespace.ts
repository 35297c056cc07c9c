import { execFileSync, spawnSync } from 'node:child_process'

/** A network of its own that one program runs in, connected to this machine by a pair of virtual interfaces. */
export interface NetworkNamespace {
  /** Address of this machine as the namespace sees it. */
  readonly host: string
  /** Puts a command into the namespace: the program, then its arguments. */
  inside(...command: readonly string[]): readonly [string, ...string[]]
  /** Packets pass, vanish without a trace, or are answered with a reset. */
  set(state: 'open' | 'drops' | 'resets'): void
  close(): void
}

/** Why namespaces cannot be used here; null: they can. They need root, `ip` and `nft`, and kernel modules. */
export function namespacesUnavailable(): string | null {
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  try {
    const namespace = openNamespace(250)
    namespace.set('drops')
    namespace.close()
    return null
  } catch (error) {
    return `no network namespaces here: ${(error as Error).message.split('\n')[0]}`
  }
}

/** `id`: 1 to 250, distinguishes those of this process. Throws if the system refuses. */
export function openNamespace(id: number): NetworkNamespace {
  const name = `mezite-${process.pid}-${id}`
  const [near, far] = [`mz${process.pid % 100_000}n${id}`, `mz${process.pid % 100_000}f${id}`]
  const [host, guest] = [`10.213.${id}.1`, `10.213.${id}.2`]
  const run = (command: string): void => {
    const [file = '', ...args] = command.split(' ')
    execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  }
  const close = (): void => {
    spawnSync('ip', ['link', 'del', near], { stdio: 'ignore' })
    spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' })
  }
  const rules = (text: string): void => {
    execFileSync('ip', ['netns', 'exec', name, 'nft', '-f', '-'], {
      input: text,
      stdio: ['pipe', 'ignore', 'pipe'],
    })
  }
  try {
    run(`ip netns add ${name}`)
    run(`ip link add ${near} type veth peer name ${far} netns ${name}`)
    run(`ip addr add ${host}/30 dev ${near}`)
    run(`ip link set ${near} up`)
    run(`ip -n ${name} addr add ${guest}/30 dev ${far}`)
    run(`ip -n ${name} link set ${far} up`)
    run(`ip -n ${name} link set lo up`)
  } catch (error) {
    close()
    throw error
  }
  return {
    host,
    inside: (...command) => ['ip', 'netns', 'exec', name, ...command],
    set(state) {
      const chain = (hook: string, peer: string): string => {
        const match = `ip ${peer} ${host} tcp`
        // A reset must pass, or nobody would see it.
        const rule = {
          open: '',
          drops: `${match} dport 0-65535 drop`,
          resets: `${match} flags & rst == 0 reject with tcp reset`,
        }[state]
        return `chain ${hook} { type filter hook ${hook} priority 0; ${rule}; }`
      }
      rules(
        `table inet mezite {}\ndelete table inet mezite\ntable inet mezite {
          ${chain('input', 'saddr')}
          ${chain('output', 'daddr')}
        }\n`,
      )
    },
    close,
  }
}
