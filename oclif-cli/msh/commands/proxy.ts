import { writeFileSync } from 'node:fs'
import { CliError, messageOf, reportError, showJsonLine } from '@mezite/cli'
import { MshCommand } from '@mezite/cli/identity'
import * as Flags from '@oclif/core/flags'
import type { OpenSession } from '../open-session.ts'
import type { ProxyAuthority } from '../proxy-authority.ts'

const DEFAULT_PORT = 6_389

export class LocalProxy extends MshCommand {
  static override summary = 'Open one local port for all web applications, and serve it until Ctrl-C'
  static override description =
    'Each application is at http://NAME.localhost:PORT, for curl, SDKs and a browser, and is closed to web pages of other origins. Programs that cannot look up NAME.localhost use the port as their proxy (HTTP_PROXY) for http://NAME.localhost. With --ca they use it (HTTPS_PROXY) for the public addresses of applications as well: they must trust the certificate in FILE, which is new in each run, and counts for the applications that you may open now.'
  static override examples = [
    '<%= config.bin %> proxy',
    '<%= config.bin %> proxy --port 8080',
    '<%= config.bin %> proxy --ca ~/.msh/proxy-ca.pem',
    'curl --proxy http://127.0.0.1:6389 --cacert ~/.msh/proxy-ca.pem https://grafana.apps.example.com/api/health',
  ]
  static override flags = {
    port: Flags.integer({
      char: 'p',
      min: 0,
      max: 65_535,
      default: DEFAULT_PORT,
      description: 'Local port; 0 for a free one',
      helpValue: 'PORT',
    }),
    ca: Flags.string({
      description:
        'Serve https to programs that use the port as their proxy, and write the certificate to trust',
      helpValue: 'FILE',
    }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(LocalProxy)
    const identity = this.identity(flags)
    const [{ openSession }, { createLocalProxy }, { LOOPBACK, listenOn }] = await Promise.all([
      import('../open-session.ts'),
      import('../local-proxy.ts'),
      import('../local-apps.ts'),
    ])
    const session = openSession(identity, (text) => this.note(text))
    const over = Promise.withResolvers<CliError | null>()
    session.over.then(over.resolve)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => over.resolve(null))
    let exit = 0
    try {
      await session.hub.connect()
      const certificates = flags.ca === undefined ? null : await authorityOf(session, flags.ca)
      const port = await listenOn(createLocalProxy({ ...session, identity, certificates }), flags.port)
      this.write(
        this.formatOf(flags) === 'text'
          ? `Proxy open: http://NAME.localhost:${port}`
          : showJsonLine({ host: LOOPBACK, port }),
      )
      const error = await over.promise
      if (error) throw error
    } catch (error) {
      exit = await reportError(error, { command: 'msh proxy' })
    }
    session.close()
    process.exit(exit)
  }
}

/** An authority for the apps that the user may open now, with its certificate in `file`. Throws `CliError`. */
async function authorityOf({ client }: OpenSession, file: string): Promise<ProxyAuthority> {
  if (client === null)
    throw new CliError('MEZ_USAGE_WRONG', '--ca works with a login only, not with an identity file')
  const [{ listApps }, { createProxyAuthority }] = await Promise.all([
    import('../app-lookup.ts'),
    import('../proxy-authority.ts'),
  ])
  const apps = await listApps(client)
  const hosts = apps.flatMap(({ url }) => (url ? (URL.parse(url)?.hostname ?? []) : []))
  if (hosts.length === 0)
    throw new CliError('MEZ_USAGE_WRONG', 'there is no web application that you may open', {
      hint: 'Start msh proxy again once msh app ls lists one.',
    })
  const authority = await createProxyAuthority([...new Set(hosts)])
  try {
    writeFileSync(file, authority.pem)
  } catch (cause) {
    throw new CliError('MEZ_FILE_UNWRITABLE', `cannot write ${file}: ${messageOf(cause)}`, { cause })
  }
  return authority
}
