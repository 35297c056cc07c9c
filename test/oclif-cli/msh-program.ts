/** Runs msh as people do: signs in against a stand-in for a hub, opens ports, and is stopped. */
import { type ChildProcess, spawn } from 'node:child_process'
import https from 'node:https'
import { join } from 'node:path'
import { until } from '../until.ts'
import type { MshHub } from './msh-hub.ts'
import { cleanEnv, type Finished, MSH, runMezctl, startMezctl } from './run-program.ts'

export type Env = Readonly<Record<string, string>>

export function mshEnv(hub: Pick<MshHub, 'dir'>, home = 'home'): Env {
  // No browser is started: the test follows the printed address itself.
  return { MSH_HOME: join(hub.dir, home), MEZITE_BROWSER: '/bin/true' }
}

export const runMsh = (args: readonly string[], env: Env): Promise<Finished> => runMezctl(args, env, '', MSH)

/** Signs in, allowing it on the hub's page as soon as its address is printed. */
export async function loginMsh(
  hub: Pick<MshHub, 'proxy' | 'caFile'>,
  env: Env,
  more: readonly string[] = [],
): Promise<Finished> {
  const args = ['login', '--proxy', hub.proxy, '--ca-file', hub.caFile, ...more]
  const running = startMsh(args, env)
  const [, address = ''] = await running.err(/Opening (https:\S+)/)
  const back = await follow(address)
  await fetch(back)
  return running.ended
}

/** Where the click on the hub's page leads. The stand-in's certificate is not looked at here. */
function follow(address: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const { port, pathname, search } = new URL(address)
    const options = { host: '127.0.0.1', port, path: pathname + search, rejectUnauthorized: false }
    https
      .get(options, (answer) => {
        answer.resume()
        resolve(answer.headers.location ?? '')
      })
      .on('error', reject)
  })
}

export interface RunningMsh {
  readonly child: ChildProcess
  /** What standard error or output holds, as soon as it matches. */
  err(pattern: RegExp): Promise<RegExpExecArray>
  out(pattern: RegExp): Promise<RegExpExecArray>
  readonly ended: Promise<Finished>
  /** Ctrl-C. */
  stop(): Promise<Finished>
}

/** Starts msh at a terminal; its standard error is part of what it prints. */
export function startAtTerminal(args: readonly string[], env: Env): RunningMsh {
  const line = [process.execPath, MSH, ...args].map((part) => `'${part}'`).join(' ')
  const child = spawn('script', ['--quiet', '--return', '--command', line, '/dev/null'], {
    env: cleanEnv(env),
  })
  const running = watch(child)
  return {
    ...running,
    stop() {
      child.stdin.write('\u0003')
      return running.ended
    },
  }
}

/** `program` is another build of msh. */
export const startMsh = (args: readonly string[], env: Env, program = MSH): RunningMsh =>
  watch(startMezctl(args, env, program))

function watch(child: ChildProcess): RunningMsh {
  const texts = { out: '', err: '' }
  let over = false
  for (const name of ['out', 'err'] as const) {
    child[name === 'out' ? 'stdout' : 'stderr']!.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text
    })
  }
  const ended = new Promise<Finished>((resolve) => {
    child.on('close', (code) => {
      over = true
      resolve({ code, ...texts })
    })
  })
  const said = async (name: 'out' | 'err', pattern: RegExp): Promise<RegExpExecArray> => {
    let found: RegExpExecArray | null = null
    await until(() => {
      found = pattern.exec(texts[name])
      if (!found && over) throw new Error(`msh ended without ${pattern}: ${JSON.stringify(texts)}`)
      return found !== null
    }, `msh says ${pattern}`)
    return found!
  }
  return {
    child,
    ended,
    err: (pattern) => said('err', pattern),
    out: (pattern) => said('out', pattern),
    stop() {
      child.kill('SIGINT')
      return ended
    },
  }
}

/** Opens apps and gives their ports, by name. */
export async function openApps(
  apps: readonly string[],
  env: Env,
  more: readonly string[] = [],
): Promise<RunningMsh & { readonly ports: Readonly<Record<string, number>> }> {
  const running = startMsh(['app', 'login', ...apps, ...more], env)
  const ports: Record<string, number> = {}
  for (const app of apps) {
    const [, port] = await running.out(
      new RegExp(`Tunnel open: (?:http://)?127\\.0\\.0\\.1:(\\d+) -> ${app}\\n`),
    )
    ports[app] = Number(port)
  }
  return { ...running, ports }
}
