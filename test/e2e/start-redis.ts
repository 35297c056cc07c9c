// needs: redis
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { freePort } from '../../core/program/dev/free-port.ts'
import { until } from '../until.ts'

interface Owner {
  teardown(fn: () => unknown): void
}

/** A real Redis on a port of 127.0.0.1, gone with the test; it writes nothing. Resolves with the port once it answers. */
export async function startRedis(t: Owner, dir: string): Promise<number> {
  const port = await freePort()
  const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir]
  const server = spawn('redis-server', [...where, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
  const ended = once(server, 'exit')
  t.teardown(async () => {
    server.kill('SIGKILL')
    await ended
  })
  await until(() => answersPing(port), 'Redis answers')
  return port
}

/** Whether a Redis answers on that port of 127.0.0.1. */
export function answersPing(port: number): Promise<boolean> {
  return promisify(execFile)('redis-cli', ['-p', String(port), 'ping'], { timeout: 20_000 }).then(
    ({ stdout }) => stdout === 'PONG\n',
    () => false,
  )
}

/** A connection through the port that stays open, once the Redis behind it has answered: 6 bytes there, 7 back. */
export async function holdRedis(t: Owner, port: number): Promise<{ readonly closed: Promise<unknown> }> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.write('PING\r\n')
  await once(socket, 'data', { signal: AbortSignal.timeout(60_000) })
  return { closed }
}
