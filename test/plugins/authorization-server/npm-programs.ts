import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { freePort } from '@mezite/core/testing'
import { until } from '../../until.ts'
import { startProgram } from './local-programs.ts'

const run = promisify(execFile)
const { resolve } = createRequire(import.meta.url)

/** A Verdaccio registry in `dir`; gone with the test. The hub has decided who comes in, so the registry asks nobody. */
export async function startVerdaccio(t: { teardown(fn: () => unknown): void }, dir: string) {
  const port = await freePort()
  const config = join(dir, 'verdaccio.yaml')
  const packages = { '**': { access: '$all', publish: '$all', unpublish: '$all' } }
  writeFileSync(config, JSON.stringify({ storage: join(dir, 'storage'), packages, log: { level: 'warn' } }))
  const verdaccio = join(dirname(resolve('verdaccio/package.json')), 'bin/verdaccio')
  const { output } = startProgram(t, process.execPath, [
    ...[verdaccio, '--config', config, '--listen', `127.0.0.1:${port}`],
  ])
  const ping = () => fetch(`http://127.0.0.1:${port}/-/ping`).then(({ ok }) => ok)
  await until(() => ping().catch(() => false), `Verdaccio starts: ${output.join('')}`)
  return { port, output }
}

/** Runs npm with settings of its own in `dir`, through a proxy; `settings` says with which token. */
export function npmIn(
  dir: string,
  { registry, caFile, proxy }: { readonly registry: string; readonly caFile: string; readonly proxy: string },
) {
  const npmrc = join(dir, '.npmrc')
  const cli = join(dirname(resolve('npm/package.json')), 'bin/npm-cli.js')
  return {
    settings: (secret: string) =>
      writeFileSync(
        npmrc,
        [
          ...[`registry=${registry}`, `${registry.replace('https:', '')}:_authToken=${secret}`],
          ...[`cafile=${caFile}`, `https-proxy=${proxy}`, 'noproxy=', `cache=${join(dir, 'cache')}`],
          ...['audit=false', 'fund=false', 'update-notifier=false', 'fetch-retries=0'],
        ].join('\n'),
      ),
    npm: (cwd: string, ...args: string[]) =>
      run(process.execPath, [cli, ...args, '--userconfig', npmrc, '--loglevel', 'warn'], {
        cwd,
        env: { PATH: process.env.PATH, HOME: dir },
        timeout: 180_000,
      }),
  }
}
