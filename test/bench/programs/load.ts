/** The load generator: connections that are kept, requests made beforehand, answers read by their length. */
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { type DueTimes, dueTimes } from '../due-times.ts'
import type { LoadJob, LoadReport } from '../load-job.ts'
import { quantile } from '../statistics.ts'
import { ECHO_FRAME_BYTES, maskedFrame } from '../web-socket-frame.ts'

const BLOCK = Buffer.alloc(64 * 1024)
const HANDSHAKES_AT_ONCE = 32
let open: Socket[] = []

const tell = (report: LoadReport): void => void process.send?.(report)

async function run(job: LoadJob): Promise<void> {
  for (const socket of open) socket.destroy()
  open = []
  for (let at = 0; at < job.heads.length; at += HANDSHAKES_AT_ONCE) {
    const some = job.heads.slice(at, at + HANDSHAKES_AT_ONCE).map(() => dial(job))
    open.push(...(await Promise.all(some)))
  }
  const clock = { counting: false, over: job.ms === 0, exchanges: 0, bytes: 0, latencies: [] as number[] }
  const dues = dueTimes(job, performance.now())
  const loops = open.map((socket, index) => drive(socket, job, job.heads[index] ?? '', clock, dues?.(index)))
  if (job.ms === 0) {
    await Promise.all(loops)
    tell({ kind: 'begun' })
    return
  }
  const failed = Promise.all(loops)
  failed.catch(() => {})
  await Promise.race([sleep(job.warmUpMs), failed])
  clock.counting = true
  tell({ kind: 'begun' })
  const begin = performance.now()
  await Promise.race([sleep(job.ms), failed])
  clock.counting = false
  clock.over = true
  const seconds = (performance.now() - begin) / 1000
  const { exchanges, bytes, latencies } = clock
  const [p50Ms, p99Ms] = [quantile(latencies, 0.5), quantile(latencies, 0.99)]
  tell({ kind: 'done', exchanges, bytes, seconds, p50Ms, p99Ms })
  for (const socket of open) socket.destroy()
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

function dial({ port, servername, address = '127.0.0.1' }: LoadJob): Promise<Socket> {
  const at = { port, host: address }
  return new Promise((resolve, reject) => {
    const socket =
      servername === null ? connectTcp(at) : connectTls({ ...at, servername, rejectUnauthorized: false })
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.on(servername === null ? 'connect' : 'secureConnect', () => resolve(socket))
  })
}

type Clock = { counting: boolean; over: boolean; exchanges: number; bytes: number; latencies: number[] }

/** Exchanges until the clock says it is over; rejects when one fails. */
function drive(socket: Socket, job: LoadJob, head: string, clock: Clock, schedule?: DueTimes): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = Buffer.from(head, 'latin1')
    let sentAt = 0
    /** Bytes of the answer that are still to come; -1 while its head is. */
    let due = -1
    let upgraded = false
    let text = ''
    /** Head of the last answer that came whole in one chunk: the next one is mostly the same, and need not be read. */
    let known = Buffer.alloc(0)
    let knownLength = 0

    const send = () => sendDue(performance.now())
    const sendDue = (since: number) => {
      sentAt = since
      if (upgraded) {
        due = ECHO_FRAME_BYTES
        socket.write(maskedFrame)
        return
      }
      due = -1
      socket.write(request)
      if (job.bodyBytes > 0) sendBody(job.bodyBytes)
    }
    const sendBody = (left: number) => {
      while (left > 0) {
        const block = left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK
        left -= block.length
        if (clock.counting) clock.bytes += block.length
        if (!socket.write(block)) return void socket.once('drain', () => sendBody(left))
      }
    }
    const answered = () => {
      if (clock.counting) {
        clock.exchanges++
        clock.latencies.push(performance.now() - sentAt)
      }
      if (clock.over) resolve()
      else if (schedule !== undefined) sendNext(schedule)
      else if (job.pauseMs > 0) setTimeout(send, job.pauseMs)
      else send()
    }
    const sendNext = (schedule: DueTimes) => {
      const at = schedule.next()
      const waitMs = at - performance.now()
      // A timer that is late is a fault of the generator.
      if (waitMs > 0) setTimeout(send, waitMs)
      else sendDue(at)
    }
    const readHead = (chunk: Buffer): void => {
      if (text === '' && known.length > 0 && chunk.subarray(0, known.length).equals(known)) {
        due = knownLength
        take(chunk.length - known.length)
        return
      }
      const whole = text === ''
      text += chunk.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      if (end < 0) return
      const status = text.slice(9, 12)
      if (status !== (job.echo ? '101' : '200')) {
        reject(new Error(`answer ${text.slice(0, 300)}`))
        return
      }
      const length = /\r\ncontent-length: *(\d+)/i.exec(text)?.[1]
      const more = text.length - end - 4
      text = ''
      if (job.echo) {
        upgraded = true
        send()
        return
      }
      if (length === undefined) {
        reject(new Error('an answer without Content-Length'))
        return
      }
      due = Number(length)
      if (whole) {
        known = Buffer.from(chunk.subarray(0, end + 4))
        knownLength = due
      }
      take(more)
    }
    const take = (bytes: number): void => {
      if (clock.counting && !job.echo) clock.bytes += bytes
      due -= bytes
      if (due === 0) answered()
    }
    socket.on('data', (chunk) => (due < 0 ? readHead(chunk) : take(chunk.length)))
    socket.removeAllListeners('error')
    socket.on('error', (error) => (clock.over ? resolve() : reject(error)))
    socket.on('close', () => (clock.over ? resolve() : reject(new Error('a connection was closed'))))
    if (schedule === undefined) send()
    else sendNext(schedule)
  })
}

process.on('message', (job: LoadJob) => {
  run(job).catch((error: Error) => tell({ kind: 'failed', message: error.message }))
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
process.send?.({ ready: true })
