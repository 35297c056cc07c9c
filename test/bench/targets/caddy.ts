import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../core/testing/index.ts'
import type { Children } from '../children.ts'
import { findProgram } from '../programs-needed.ts'
import type { Target } from '../target.ts'
import { untilListening } from '../until-listening.ts'
import type { CertificateFiles } from './certificate.ts'

/** Caddy as its quick start configures it: TLS, a reverse proxy, no access log. */
export async function startCaddy(
  children: Children,
  {
    dir,
    upstreamPort,
    keyFile,
    certFile,
  }: CertificateFiles & { readonly dir: string; readonly upstreamPort: number },
): Promise<Target> {
  const folder = join(dir, 'caddy')
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const file = join(folder, 'Caddyfile')
  writeFileSync(
    file,
    `{
  admin off
  auto_https off
  storage file_system ${folder}
}
https://baseline.localhost:${port} {
  bind 127.0.0.1
  tls ${certFile} ${keyFile}
  reverse_proxy 127.0.0.1:${upstreamPort}
}
`,
  )
  const child = children.spawn(
    findProgram('caddy') ?? 'caddy',
    ['run', '--config', file, '--adapter', 'caddyfile'],
    {
      env: { ...process.env, HOME: folder, XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder },
    },
  )
  await untilListening(port)
  return {
    name: 'Caddy',
    port,
    host: 'baseline.localhost',
    cookie: null,
    includes: 'TLS, no tunnel, no sign-in, no record',
    processes: { caddy: child.pid ?? 0 },
  }
}
