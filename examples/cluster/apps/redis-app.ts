/**
 * A Redis for the example, where `redis-server` is installed; else a server that sends back what it gets.
 * Environment: REDIS_SERVER (the program, or nothing), PORT; 0 or none picks a free one, which it prints.
 */
import { spawn } from 'node:child_process'
import { type AddressInfo, connect, createServer } from 'node:net'
import { freePort } from '../free-port.ts'

const PORT = Number(process.env.PORT ?? 0)
const ready = (port: number): void => void process.stdout.write(`ready ${port}\n`)

async function serveRedis(program: string): Promise<void> {
  const port = PORT || (await freePort())
  const child = spawn(
    program,
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  child.on('error', () => process.exit(1))
  child.on('exit', (code) => process.exit(code ?? 0))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('exit', () => child.kill('SIGKILL'))
  waitFor(port)
}

function waitFor(port: number): void {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => setTimeout(waitFor, 50, port))
  socket.on('connect', () => {
    socket.destroy()
    ready(port)
  })
}

function serveEcho(): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  })
  server.listen(PORT, '127.0.0.1', () => ready((server.address() as AddressInfo).port))
  process.on('SIGTERM', () => process.exit(0))
}

const { REDIS_SERVER } = process.env
if (REDIS_SERVER) await serveRedis(REDIS_SERVER)
else serveEcho()
