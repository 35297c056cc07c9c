import { createHash, randomBytes } from 'node:crypto'
import { lookupLocalhost } from '@mezite/core/protocol'
import { Visitor } from '@mezite/core/testing'
import { WebSocket } from 'ws'
import type { Cluster } from '../cluster.ts'
import { type Person, people } from '../people.ts'

/** One line of the table: a name, and a function that rejects if the step fails. */
export interface Step {
  readonly name: string
  run(): Promise<void>
}

type AppName = keyof Cluster['apps']

const STEP_MS = 60_000

export function expect(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what)
}

/** Opens an app as this person, signing in at the identity provider if needed. */
export async function signIn(visitor: Visitor, person: Person, url: string) {
  const page = await visitor.open(url)
  if (!page.url.includes('/sign-in/')) return page
  return visitor.submit(page, new RegExp(`/as/${person.id}$`))
}

/** A WebSocket that carries this visitor's cookies. */
export function openSocket(cluster: Cluster, visitor: Visitor): WebSocket {
  const app = new URL(cluster.apps.live)
  return new WebSocket(`wss://${app.host}/socket`, {
    ca: cluster.ca,
    lookup: lookupLocalhost,
    origin: app.origin,
    headers: { cookie: visitor.cookies(app.host) ?? '' },
  } as object)
}

/** Which apps each person may open, and which not. */
export function personSteps(cluster: Cluster, visitors: Map<string, Visitor>): Step[] {
  return people.flatMap((person) => {
    const visitor = new Visitor(cluster.ca)
    visitors.set(person.id, visitor)
    return (Object.keys(cluster.apps) as AppName[]).map((app): Step => {
      const allowed = (person.may as readonly string[]).includes(app)
      return {
        name: `${person.name} ${allowed ? 'reaches' : 'is refused'} ${app}`,
        run: async () => {
          const wanted = `${cluster.apps[app]}/?from=check`
          const page = await signIn(visitor, person, wanted)
          if (allowed) {
            expect(page.status === 200, `status ${page.status}, not 200`)
            expect(page.url === wanted, `landed on ${page.url}`)
            expect(page.text.includes(person.email), 'the page does not greet them')
          } else {
            expect(page.status === 403, `status ${page.status}, not 403`)
          }
        },
      }
    })
  })
}

/** The steps of one person with the apps: identity, WebSocket, events, upload, download. */
export function trafficSteps(cluster: Cluster, visitor: () => Visitor, person: Person): Step[] {
  return [
    {
      name: 'The application verifies the signed identity',
      run: async () => {
        const response = await visitor().fetch(`${cluster.apps.identity}/claims`)
        expect(response.status === 200, `status ${response.status}: ${response.text}`)
        expect(JSON.parse(response.text).sub === person.email, `claims ${response.text}`)
      },
    },
    {
      name: 'The vault asks for a passkey and does not open without one',
      run: async () => {
        const page = await visitor().open(`${cluster.vaultUrl}/?from=check`)
        expect(page.url.startsWith(`${cluster.hubUrl}/web/mfa`), `landed on ${page.url}`)
        expect(page.status === 200 && page.text.includes('A passkey is needed'), `status ${page.status}`)
        const response = await visitor().fetch(`${cluster.vaultUrl}/claims`)
        expect(response.status === 401, `a script gets ${response.status}, not 401`)
      },
    },
    {
      name: 'A WebSocket echoes',
      run: async () => {
        const socket = openSocket(cluster, visitor())
        const messages = nextMessages(socket)
        expect((await messages()).includes(person.email), 'the greeting names another person')
        socket.send('over the tunnel')
        expect((await messages()) === 'over the tunnel', 'the echo differs')
        socket.close()
      },
    },
    {
      name: 'Server-Sent Events arrive one by one',
      run: async () => {
        const response = await visitor().stream(`${cluster.apps.live}/events`)
        let seen = ''
        for await (const chunk of response) {
          seen += chunk
          if (seen.includes('"count":2')) break
        }
        expect(seen.includes('"count":2'), `only ${seen}`)
      },
    },
    {
      name: 'An upload of 8 MiB arrives whole',
      run: async () => {
        const body = randomBytes(8 << 20)
        const response = await visitor().fetch(`${cluster.apps.live}/upload`, {
          method: 'POST',
          body,
          headers: { origin: cluster.apps.live, 'content-length': String(body.length) },
        })
        expect(response.status === 200, `status ${response.status}: ${response.text}`)
        const sha256 = createHash('sha256').update(body).digest('hex')
        expect(JSON.parse(response.text).sha256 === sha256, 'the checksum differs')
      },
    },
    {
      name: 'A download of 64 MiB arrives whole',
      run: async () => {
        const size = 64 << 20
        const response = await visitor().stream(`${cluster.apps.live}/download?bytes=${size}`)
        const hash = createHash('sha256')
        for await (const chunk of response) hash.update(chunk as Buffer)
        const expected = createHash('sha256')
        for (let block = 0; block < size >> 16; block++) expected.update(Buffer.alloc(1 << 16, block & 0xff))
        expect(hash.digest('hex') === expected.digest('hex'), 'the checksum differs')
      },
    },
  ]
}

/** A function that resolves with the socket's next text message; rejects when the socket fails. */
export function nextMessages(socket: WebSocket): () => Promise<string> {
  const waiting: ((text: string) => void)[] = []
  const arrived: string[] = []
  const failed = new Promise<never>((_, reject) => {
    socket.on('error', reject)
    setTimeout(() => reject(new Error('no message in time')), STEP_MS).unref()
  })
  failed.catch(() => {})
  socket.on('message', (data) => {
    const text = String(data)
    const taker = waiting.shift()
    if (taker) taker(text)
    else arrived.push(text)
  })
  return () => {
    const text = arrived.shift()
    if (text !== undefined) return Promise.resolve(text)
    return Promise.race([new Promise<string>((resolve) => waiting.push(resolve)), failed])
  }
}
