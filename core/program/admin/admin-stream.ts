import { request } from 'node:http'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { MezError } from '../../kernel/error.ts'

/** The lines of a response of the hub, parsed. */
export type AdminStream = AsyncGenerator<unknown, void>

const CONNECT_MS = 5_000
/** Longest silence of a hub that reports its progress. */
const SILENCE_MS = 120_000

/**
 * Calls the JSON API of the hub that runs on a data directory, as the operator, and reads its response as NDJSON. Resolves
 * to null when no hub runs there. Rejects with the problem of an unsuccessful response.
 */
export function streamFromHub(dataDir: string, path: string, body: unknown): Promise<AdminStream | null> {
  return new Promise((resolve, reject) => {
    const outgoing = request({
      socketPath: join(dataDir, 'admin.sock'),
      method: 'POST',
      path: `/v1/webapi${path}`,
      headers: { host: 'localhost', accept: 'application/x-ndjson', 'content-type': 'application/json' },
      agent: false,
      timeout: SILENCE_MS,
    })
    const connecting = setTimeout(
      () => outgoing.destroy(new Error('the hub does not accept the connection')),
      CONNECT_MS,
    )
    outgoing.on('socket', (socket) => socket.once('connect', () => clearTimeout(connecting)))
    outgoing.on('close', () => clearTimeout(connecting))
    outgoing.on('timeout', () => outgoing.destroy(new Error('the hub stopped reporting its progress')))
    outgoing.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ENOENT' || error.code === 'ECONNREFUSED' ? resolve(null) : reject(error),
    )
    outgoing.on('response', (response) => {
      response.on('error', () => {})
      async function* parsed(): AdminStream {
        // Not earlier: it would lose the lines that arrive before they are asked for.
        const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })
        for await (const line of lines) if (line !== '') yield JSON.parse(line) as unknown
        if (!response.complete) throw new Error('the hub ended the connection')
      }
      if (response.statusCode === 200) return resolve(parsed())
      void parsed()
        .next()
        .then(({ value }) => {
          const { code = '', detail = `status ${response.statusCode}` } = Object(value) as Record<
            string,
            string
          >
          reject(new MezError('MEZ_COPY_REFUSED', `the hub refused: ${detail} (${code})`))
        }, reject)
    })
    outgoing.end(JSON.stringify(body))
  })
}
