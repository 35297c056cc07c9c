import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres, type TestPostgres } from '../../core/testing/index.ts'
import { Children } from './children.ts'
import { hasOwnNetwork, networkUnavailable, openPath, type Way } from './network-path.ts'
import type { BenchOptions } from './options.ts'
import { missingPrograms } from './programs-needed.ts'
import type { Figure } from './row.ts'
import type { Target } from './target.ts'
import { APACHE, type Apache, startApache } from './targets/apache.ts'
import { startCaddy } from './targets/caddy.ts'
import { type CertificateFiles, makeCertificate } from './targets/certificate.ts'
import { startNginx } from './targets/nginx.ts'
import { checkOut } from './targets/older.ts'
import { type Ours, startOurs } from './targets/ours.ts'
import { startPlainHttp2Proxy, startPlainProxy } from './targets/plain-proxy.ts'
import { type PrivateSshd, startSshd } from './targets/private-sshd.ts'

/** Everything that rows measure, each started when a row first asks for it, and all of it ended by `stop`. */
export class BenchMachine {
  readonly options: BenchOptions
  readonly note: (text: string) => void
  readonly children: Children = new Children()
  readonly dir: string = mkdtempSync(join(tmpdir(), 'mezite-bench-'))
  readonly #made = new Map<string, Promise<unknown>>()
  #files: CertificateFiles | undefined
  #paths = 0
  #stopped = false

  /** `note` gets what a reader of the table should know: what was left out, and why. */
  constructor(options: BenchOptions, note: (text: string) => void) {
    this.options = options
    this.note = note
  }

  upstreamPort(): Promise<number> {
    return this.#once('upstream', async () => {
      const { first } = await this.children.program<{ port: number }>('upstream-app')
      return first.port
    })
  }

  /** On PostgreSQL, or with a note on the embedded database where none is installed. */
  ours(): Promise<Ours> {
    return this.#once('ours', async () => {
      const postgres = await this.postgres()
      if (postgres === null) return this.#oursEmbedded()
      const url = await postgres.createDatabase()
      return this.#startOurs('ours', { url, pid: postgres.pid })
    })
  }

  /** Two processes on one port; null, with a note, where PostgreSQL is not installed. */
  oursInTwoProcesses(): Promise<Ours | null> {
    return this.#once('ours in two processes', async () => {
      const postgres = await this.postgres()
      if (postgres === null) return null
      const url = await postgres.createDatabase()
      return this.#startOurs('ours-twice', { url, pid: postgres.pid }, 2)
    })
  }

  /** A hub that lets programs in with tokens; null, with a note, where PostgreSQL is not installed. */
  oursWithTokens(): Promise<Ours | null> {
    return this.#once('ours with tokens', async () => {
      const postgres = await this.postgres()
      if (postgres === null) return null
      const url = await postgres.createDatabase()
      return this.#startOurs('ours-tokens', { url, pid: postgres.pid }, 1, true)
    })
  }

  /** Hub and agent of `--against`; null without it. */
  older(): Promise<Ours | null> {
    return this.#once('older', async () => {
      const { against } = this.options
      if (against === null) return null
      const { commit, startOurs } = await checkOut(against, join(this.dir, 'older'))
      const postgres = await this.postgres()
      const url = await postgres?.createDatabase()
      const older = await startOurs({
        dir: join(this.dir, 'ours-older'),
        upstreamPort: await this.upstreamPort(),
        postgres: postgres && url ? { url, pid: postgres.pid } : null,
      })
      return { ...older, many: { ...older.many, name: `ours at ${commit}` } }
    })
  }

  #oursEmbedded(): Promise<Ours> {
    return this.#once('ours embedded', () => this.#startOurs('ours-embedded', null))
  }

  /** Null, with a note, where it is not installed. */
  postgres(): Promise<TestPostgres | null> {
    return this.#once('postgres', () =>
      startPostgres().catch((error: Error) => {
        this.note(error.message)
        return null
      }),
    )
  }

  plainProxy(): Promise<Target> {
    return this.#once('plain', async () =>
      startPlainProxy(this.children, this.certificate(), await this.upstreamPort()),
    )
  }

  plainHttp2Proxy(): Promise<Target> {
    return this.#once('plain http2', async () =>
      startPlainHttp2Proxy(this.children, this.certificate(), await this.upstreamPort()),
    )
  }

  /** Null, with a note, where nginx is not installed; so below for what needs ssh. */
  nginx(): Promise<Target | null> {
    return this.#once('nginx', async () => {
      if (this.lacks(['nginx'])) return null
      const upstreamPort = await this.upstreamPort()
      const includes = 'TLS, no tunnel, no sign-in, no record'
      const [dir, name] = [this.dir, 'nginx']
      return startNginx(this.children, { ...this.certificate(), name, dir, upstreamPort, includes })
    })
  }

  /** Null, with a note, where Caddy is not installed. */
  caddy(): Promise<Target | null> {
    return this.#once('caddy', async () => {
      if (this.lacks(['caddy'])) return null
      const upstreamPort = await this.upstreamPort()
      return startCaddy(this.children, { ...this.certificate(), dir: this.dir, upstreamPort })
    })
  }

  /** Null, with a note, where Apache or its module is not installed. `signs`: it also passes the identity as a signed token. */
  apacheOverSsh(signs: boolean): Promise<Apache | null> {
    return this.#once(`apache over ssh${signs ? ', signing' : ''}`, async () => {
      if (this.lacks(['apache2', 'ssh', 'sshd', 'ssh-keygen'])) return null
      const sshd = await this.sshd()
      if (!sshd) return null
      const { port, pid } = await sshd.reverse(await this.upstreamPort())
      return startApache(this.children, {
        ...this.certificate(),
        name: `${APACHE} + ssh -R`,
        dir: this.dir,
        upstreamPort: port,
        signs,
        more: { sshd: sshd.pid, ssh: pid },
        tunnel: true,
      })
    })
  }

  nginxOverSsh(): Promise<Target | null> {
    return this.#once('nginx over ssh', async () => {
      if (this.lacks(['nginx', 'ssh', 'sshd', 'ssh-keygen'])) return null
      const sshd = await this.sshd()
      if (!sshd) return null
      const { port, pid } = await sshd.reverse(await this.upstreamPort())
      const more = { sshd: sshd.pid, ssh: pid }
      const name = 'nginx + ssh -R'
      return startNginx(this.children, {
        ...this.certificate(),
        name,
        dir: this.dir,
        upstreamPort: port,
        more,
        includes: 'TLS and a tunnel, no sign-in, no record',
      })
    })
  }

  sshd(): Promise<PrivateSshd | null> {
    return this.#once('sshd', async () =>
      this.lacks(['ssh', 'sshd', 'ssh-keygen']) ? null : startSshd(this.children, this.dir),
    )
  }

  /**
   * An address of this machine behind a path of a network; the same one for the same way. Null, with a note, where there can
   * be none.
   */
  path(way: Way): Promise<string | null> {
    return this.#once(`path ${way.roundTripMs} ${way.loss}`, async () => {
      if (hasOwnNetwork()) return openPath(this.children, ++this.#paths, way)
      this.note(networkUnavailable() ?? 'paths with a delay need a network of its own')
      return null
    })
  }

  /** A part of a row. Its failure is a note and leaves it out, so that the other parts keep their figures. */
  async part(name: string, measure: () => Promise<Figure[]>): Promise<Figure[]> {
    this.options.progress(`  ${name}`)
    try {
      return await measure()
    } catch (error) {
      this.note(`${name}: ${(error as Error).message}`)
      return []
    }
  }

  /** A load generator; the same one for the same name. */
  load(name = 'load'): Promise<ChildProcess> {
    return this.#once(name, async () => (await this.children.program('load')).child)
  }

  /** Ends everything; safe twice, and while something is starting. */
  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    const made = <T>(name: string) =>
      (this.#made.get(name) as Promise<T | null> | undefined)?.catch(() => null)
    const ours = ['ours', 'ours embedded', 'ours in two processes', 'ours with tokens', 'older']
    const clusters = await Promise.all(ours.map((name) => made<Ours>(name)))
    await Promise.all([...new Set(clusters)].map((ours) => ours?.cluster.stop()))
    await this.children.stop()
    const names = ['apache over ssh', 'apache over ssh, signing']
    const apaches = await Promise.all(names.map((name) => made<Apache>(name)))
    await Promise.all(apaches.map((apache) => apache?.issuer.close()))
    await (await made<TestPostgres>('postgres'))?.close()
    rmSync(this.dir, { recursive: true, force: true })
  }

  async #startOurs(
    name: string,
    postgres: { url: string; pid: number } | null,
    processes = 1,
    tokens = false,
  ): Promise<Ours> {
    const upstreamPort = await this.upstreamPort()
    return startOurs({ dir: join(this.dir, name), upstreamPort, postgres, processes, tokens })
  }

  /** The same files for every baseline. */
  certificate(): CertificateFiles {
    this.#files ??= makeCertificate(this.dir)
    return this.#files
  }

  /** Notes what is missing of these programs. */
  lacks(programs: Parameters<typeof missingPrograms>[0]): boolean {
    const missing = missingPrograms(programs)
    if (missing !== null) this.note(missing)
    return missing !== null
  }

  #once<T>(name: string, make: () => Promise<T>): Promise<T> {
    if (this.#stopped) return Promise.reject(new Error('the bench is stopping'))
    const known = this.#made.get(name) as Promise<T> | undefined
    if (known) return known
    const made = make()
    this.#made.set(name, made)
    return made
  }
}
