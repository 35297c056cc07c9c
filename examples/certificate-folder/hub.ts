import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { certificates, defineHubPlugin, messageOf, type SlotRef, Type } from '@mezite/core'

type CertificateSource = typeof certificates extends SlotRef<infer T> ? T : never
type ServerCertificate = NonNullable<ReturnType<CertificateSource['certificateFor']>>

/** A certificate of the folder, or why there is none. */
interface Entry {
  readonly served: ServerCertificate | null
  readonly expires: number | null
  readonly problem: string | null
}

/**
 * Serves `HOST.pem` with `HOST.key` from a folder for each host of a list, and reads the files again at an interval. A file
 * that is broken or missing leaves the last good certificate in service.
 */
export default defineHubPlugin({
  name: 'certificate-folder',
  api: 1,
  summary: 'Serves certificates from a folder',
  config: Type.Object(
    {
      folder: Type.String({ pattern: '^/', description: 'Folder with HOST.pem and HOST.key for each host' }),
      hosts: Type.Array(Type.String({ pattern: '^[a-z0-9][a-z0-9.-]*$' }), {
        minItems: 1,
        uniqueItems: true,
        description: 'Host names that get their certificate from the folder',
      }),
      interval: Type.Duration({
        default: '1m',
        min: '100ms',
        max: '1d',
        description: 'How often files are read',
      }),
    },
    { additionalProperties: false },
  ),
  provides: { certificates },
  setup({ config: { folder, hosts, interval }, log, provide, tap }) {
    const entries = new Map<string, Entry>(
      hosts.map((host) => [
        host,
        { served: null, expires: null, problem: 'the files have not been read yet' },
      ]),
    )
    let timer: NodeJS.Timeout | undefined

    async function read(host: string): Promise<void> {
      const { served, expires } = entries.get(host)!
      try {
        const files = ['pem', 'key'].map((end) => readFile(join(folder, `${host}.${end}`), 'utf8'))
        const [cert = '', key = ''] = await Promise.all(files)
        // The hub compares objects: the same object means the same certificate.
        const same = served?.cert === cert && served.key === key
        const { validToDate } = new X509Certificate(cert)
        entries.set(host, {
          served: same ? served : { cert, key },
          expires: validToDate.getTime(),
          problem: null,
        })
      } catch (error) {
        entries.set(host, { served, expires, problem: `the files cannot be used: ${messageOf(error)}` })
        log.warn({ host, reason: messageOf(error) }, 'failed to read a certificate')
      }
    }
    const readAll = async () => void (await Promise.all(hosts.map(read)))

    provide.certificates({
      name: 'certificate-folder',
      covers: (host) => entries.has(host),
      certificateFor: (host) => entries.get(host)?.served ?? null,
      states: () =>
        [...entries].map(([host, { expires, problem }]) => ({
          subject: host,
          names: [host],
          expires,
          problem,
        })),
    })
    tap.lifecycle.start(async () => {
      await readAll()
      timer = setInterval(() => void readAll(), interval).unref()
    })
    tap.lifecycle.stop(async () => clearInterval(timer))
  },
})
