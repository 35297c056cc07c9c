import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'

/** A way to a PostgreSQL server on which answers to COMMIT get lost, with their connection. */
export async function loseCommits(url: string) {
  let armed: { what: string; arrives: boolean } | null = null
  const server = createServer((client) => {
    const upstream = connect(Number(new URL(url).port), '127.0.0.1')
    let asked = ''
    let cut = false
    client.on('data', (chunk) => {
      asked += chunk.toString('latin1').toLowerCase()
      if (
        armed &&
        asked.includes(armed.what) &&
        asked.lastIndexOf('commit') > asked.lastIndexOf(armed.what)
      ) {
        cut = true
        if (!armed.arrives) client.resetAndDestroy()
        else upstream.write(chunk)
        armed = null
      } else upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (!cut) return void client.write(chunk)
      // It has done what it was asked; nobody hears of it.
      client.resetAndDestroy()
      upstream.destroy()
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const)
      one.on('error', () => {}).on('close', () => other.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const way = new URL(url)
  way.port = String((server.address() as AddressInfo).port)
  return {
    url: way.href,
    /** Loses the answer to the next COMMIT of a connection that has said `what` (lower case), or the COMMIT itself. */
    arm(what: string, { arrives = true } = {}) {
      armed = { what, arrives }
    },
    close: () => server.close(),
  }
}
