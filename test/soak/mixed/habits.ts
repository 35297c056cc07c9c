import { createHash, randomBytes } from 'node:crypto'
import { Agent } from 'node:https'
import { connect } from 'node:net'
import type { WebSocket } from 'ws'
import type { Visitor } from '../../../core/testing/index.ts'
import { openWebSocket } from '../../e2e/open-web-socket.ts'
import { retryUnanswered } from '../../e2e/steady-requests.ts'
import { runMezctl } from '../../oclif-cli/run-program.ts'
import type { SoakCluster } from '../start-soak-cluster.ts'
import { type Habit, Wrong } from './traffic.ts'

const KB = 1024
const DEADLINE_MS = 20_000
/** What a part that is broken or being stopped may answer; and 401, since sessions are being revoked. */
const EXCUSABLE = new Set([401, 502, 503, 504])

function mustBe(answer: { readonly status: number; readonly text: string }, status = 200): void {
  if (answer.status === status) return
  const what = `${answer.status} instead of ${status}: ${answer.text.slice(0, 200)}`
  throw EXCUSABLE.has(answer.status) ? new Error(what) : new Wrong(what)
}

/** What people, msh and operators do all day, each so that wrong bytes are seen. */
export async function habitsOf(cluster: SoakCluster): Promise<{ habits: Habit[]; closeIdle: () => void }> {
  const { liveUrl, hubUrl } = cluster
  const [alice, bob] = await Promise.all([cluster.signIn('alice'), cluster.signIn('bob')])
  const echoPort = await cluster.openEcho()
  const kept = new Agent({ keepAlive: true, maxSockets: 8, ca: alice.ca })
  let guests = 0

  const habits: Habit[] = [
    {
      name: 'requests',
      workers: 4,
      pauseMs: 5,
      act: async () =>
        mustBe(
          await retryUnanswered((reuse) =>
            alice.fetch(`${liveUrl}/download?bytes=${KB}`, reuse ? { agent: kept } : {}),
          ),
        ),
    },
    {
      name: 'requests, each with its handshake',
      workers: 1,
      pauseMs: 30,
      act: async () => mustBe(await bob.fetch(`${liveUrl}/download?bytes=${KB}`)),
    },
    { name: 'uploads', workers: 1, pauseMs: 100, act: () => upload(bob, liveUrl) },
    { name: 'downloads', workers: 1, pauseMs: 100, act: () => download(alice, liveUrl, 4 * KB * KB) },
    { name: 'WebSockets', workers: 2, pauseMs: 50, act: () => talk(bob, liveUrl, 20, 10) },
    { name: 'WebSockets, long', workers: 2, pauseMs: 50, act: () => talk(alice, liveUrl, 10, 500) },
    { name: 'events', workers: 2, pauseMs: 50, act: () => listen(bob, liveUrl) },
    { name: 'TCP connections', workers: 2, pauseMs: 50, act: () => echo(echoPort, 256 * KB) },
    {
      name: 'sign-ins',
      workers: 1,
      pauseMs: 500,
      act: () => signInAndOut(cluster, `guest-${guests++ % 20}`, hubUrl),
    },
    {
      name: 'command lines',
      workers: 1,
      pauseMs: 4_000,
      act: async () => {
        const { code, err } = await runMezctl(['apps', 'ls', '--format', 'json'], {
          MEZITE_DATA_DIR: `${cluster.dir}/hub-a`,
        })
        if (code !== 0) throw new Error(err)
      },
    },
  ]
  return { habits, closeIdle: () => kept.destroy() }
}

async function upload(visitor: Visitor, url: string): Promise<void> {
  const body = randomBytes(64 * KB + Math.floor(Math.random() * 1024 * KB))
  const answer = await visitor.fetch(`${url}/upload`, { method: 'POST', headers: { origin: url }, body })
  mustBe(answer)
  const { sha256 } = JSON.parse(answer.text) as { sha256: string }
  if (sha256 !== createHash('sha256').update(body).digest('hex')) throw new Wrong('other bytes arrived')
}

async function download(visitor: Visitor, url: string, bytes: number): Promise<void> {
  const response = await visitor.stream(`${url}/download?bytes=${bytes}`, { timeoutMs: DEADLINE_MS })
  let seen = 0
  let text = ''
  for await (const chunk of response as AsyncIterable<Buffer>) {
    if (response.statusCode === 200 && chunk[0] !== ((seen / (64 * KB)) & 0xff))
      throw new Wrong('other bytes')
    if (text.length < 300) text += chunk.toString('latin1', 0, 300)
    seen += chunk.length
  }
  mustBe({ status: response.statusCode ?? 0, text })
  if (seen !== bytes) throw new Wrong(`${seen} of ${bytes} bytes, ended cleanly`)
}

async function talk(visitor: Visitor, url: string, count: number, pauseMs: number): Promise<void> {
  const socket = await openWebSocket(visitor, url, '/socket')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  try {
    await message(socket)
    for (let at = 0; at < count; at++) {
      const text = randomBytes(256).toString('hex')
      socket.send(text)
      if ((await message(socket)) !== text) throw new Wrong('another message came back')
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
    }
    socket.close()
    await closed
  } finally {
    socket.terminate()
  }
}

function message(socket: WebSocket): Promise<string> {
  return new Promise((resolve, reject) => {
    const done = () => {
      clearTimeout(late)
      socket.off('message', got).off('close', closed).off('error', failed)
    }
    const got = (data: Buffer) => {
      done()
      resolve(String(data))
    }
    const failed = (error: Error) => {
      done()
      reject(error)
    }
    const closed = (code: number) => failed(new Error(`closed with ${code}`))
    const late = setTimeout(() => failed(new Error('no message')), DEADLINE_MS)
    socket.on('message', got).on('close', closed).on('error', failed)
  })
}

async function listen(visitor: Visitor, url: string): Promise<void> {
  const response = await visitor.stream(`${url}/events`, { timeoutMs: DEADLINE_MS })
  let events = 0
  let text = ''
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (response.statusCode === 200 && ++events === 3) return
  }
  mustBe({ status: response.statusCode ?? 0, text })
  throw new Error('the events ended')
}

function echo(port: number, bytes: number): Promise<void> {
  const sent = randomBytes(bytes)
  return new Promise((resolve, reject) => {
    const back: Buffer[] = []
    const socket = connect(port, '127.0.0.1', () => socket.end(sent))
    socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error('no bytes came back')))
    socket.on('error', reject)
    socket.on('data', (chunk) => back.push(chunk))
    socket.on('close', () => {
      const got = Buffer.concat(back)
      if (got.equals(sent)) resolve()
      else if (got.equals(sent.subarray(0, got.length))) reject(new Error(`${got.length} bytes came back`))
      else reject(new Wrong('other bytes came back'))
    })
  })
}

async function signInAndOut(cluster: SoakCluster, name: string, hubUrl: string): Promise<void> {
  const visitor = await cluster.signIn(name)
  const page = await visitor.open(`${hubUrl}/web/logout`)
  const left = await visitor.submit(page, /\/web\/logout$/)
  mustBe(left)
}
