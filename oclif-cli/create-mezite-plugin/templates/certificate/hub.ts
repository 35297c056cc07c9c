import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { certificates, defineHubPlugin, messageOf, Type } from '@mezite/core'

/**
 * Serves one certificate from two files for a list of hosts, and reads the files again at an interval. While they cannot be
 * read, the last good certificate stays in service.
 */
export default defineHubPlugin({
  name: 'my-plugin',
  api: 1,
  summary: 'Serves a certificate from two files',
  config: Type.Closed({
    hosts: Type.Array(Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$' }), {
      minItems: 1,
      uniqueItems: true,
    }),
    cert_file: Type.String({ pattern: '^/', description: 'PEM: the certificate, then its chain' }),
    key_file: Type.String({ pattern: '^/', description: 'PEM of its key' }),
    interval: Type.Duration({
      default: '1m',
      min: '100ms',
      max: '1d',
      description: 'How often files are read',
    }),
  }),
  provides: { certificates },
  setup({ config, log, provide, tap }) {
    const hosts = new Set(config.hosts)
    let served: { readonly cert: string; readonly key: string } | null = null
    let problem: string | null = 'the files have not been read yet'
    let timer: NodeJS.Timeout | undefined

    async function read(): Promise<void> {
      try {
        const cert = await readFile(config.cert_file, 'utf8')
        const key = await readFile(config.key_file, 'utf8')
        // The same object stands for the same certificate.
        if (served?.cert !== cert || served.key !== key) served = { cert, key }
        problem = null
      } catch (error) {
        problem = messageOf(error)
        log.warn({ reason: problem }, 'failed to read the certificate')
      }
    }

    // Everything here runs for each new connection, also for names that strangers make up.
    provide.certificates({
      name: 'my-plugin',
      covers: (host) => hosts.has(host),
      certificateFor: (host) => (hosts.has(host) ? served : null),
      states: () => [
        {
          subject: config.cert_file,
          names: config.hosts,
          expires: served === null ? null : new X509Certificate(served.cert).validToDate.getTime(),
          problem,
        },
      ],
    })
    tap.lifecycle.start(async () => {
      await read()
      timer = setInterval(() => void read(), config.interval)
    })
    tap.lifecycle.stop(() => clearInterval(timer))
  },
})
