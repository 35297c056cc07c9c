// needs: bind
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@mezite/core/testing'
import { until } from '../../until.ts'

/** A real BIND with one zone, whose names all have the address 127.0.0.1. */
export interface Bind {
  /** `127.0.0.1:PORT`. */
  readonly address: string
  readonly keyName: string
  /** Base64. */
  readonly keySecret: string
  /** TXT values of a name. */
  txt(name: string): Promise<readonly string[]>
  close(): Promise<void>
}

/** `updatable`: the names whose TXT records the key may change; `more`: lines of the zone. */
export async function startBind(
  zone: string,
  updatable: readonly string[],
  more: readonly string[] = [],
): Promise<Bind> {
  const folder = await mkdtemp(join(tmpdir(), 'mezite-bind-'))
  const port = await freePort()
  const [keyName, keySecret] = ['mezite-acme', randomBytes(32).toString('base64')]
  const file = (name: string) => join(folder, name)
  const grants = updatable.map((name) => `grant ${keyName} name ${name} TXT;`).join(' ')
  await writeFile(
    file('zone'),
    [
      '$TTL 1',
      `@ IN SOA ns.${zone}. admin.${zone}. 1 60 60 600 1`,
      `@ IN NS ns.${zone}.`,
      '* IN A 127.0.0.1',
      'ns IN A 127.0.0.1',
      ...more,
      '',
    ].join('\n'),
  )
  await writeFile(
    file('named.conf'),
    `options { directory "${folder}"; pid-file "${file('pid')}"; session-keyfile "${file('session.key')}";
      managed-keys-directory "${folder}"; listen-on port ${port} { 127.0.0.1; }; listen-on-v6 { none; };
      recursion no; dnssec-validation no; querylog no; };
    controls {};
    key "${keyName}" { algorithm hmac-sha256; secret "${keySecret}"; };
    zone "${zone}" { type primary; file "${file('zone')}"; update-policy { ${grants} }; };
    `,
  )
  // named does not run as root.
  const user = process.getuid?.() === 0 ? await stat('/var/cache/bind').catch(() => null) : null
  const owner = user ? await idsOf('bind') : null
  if (owner) {
    for (const name of ['', 'zone', 'named.conf']) await chown(file(name), owner.uid, owner.gid)
    await chmod(folder, 0o755)
  }
  const child = spawn('/usr/sbin/named', ['-g', '-c', file('named.conf'), '-n', '1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...(owner ?? {}),
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  child.on('error', () => {})
  const resolver = new Resolver({ timeout: 1_000, tries: 1 })
  resolver.setServers([`127.0.0.1:${port}`])
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`named does not start:\n${log}`)
    return resolver.resolve4(`ns.${zone}`).then(
      () => true,
      () => false,
    )
  }, 'named answers')
  return {
    address: `127.0.0.1:${port}`,
    keyName,
    keySecret,
    txt: (name) =>
      resolver.resolveTxt(name).then(
        (found) => found.map((parts) => parts.join('')),
        () => [],
      ),
    async close() {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function idsOf(user: string): Promise<{ readonly uid: number; readonly gid: number }> {
  const id = async (flag: string) => {
    const child = spawn('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] })
    let text = ''
    for await (const part of child.stdout) text += part
    return Number(text)
  }
  return { uid: await id('-u'), gid: await id('-g') }
}
