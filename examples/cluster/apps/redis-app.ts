/**
 * A Redis for the example if `redis-server` is installed, otherwise an echo server.
 * Environment: REDIS_SERVER (path of the program, or empty), PORT.
 */
import { spawn } from 'node:child_process'
import { connect, createServer } from 'node:net'

const PORT = Number(process.env.PORT ?? 0)
const ready = (): void => void process.stdout.write(`ready ${PORT}\n`)

function serveRedis(program: string): void {
  const child = spawn(
    program,
    ['--port', String(PORT), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--daemonize', 'no'],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  child.on('error', () => process.exit(1))
  child.on('exit', (code) => process.exit(code ?? 0))
  process.on('SIGTERM', () => child.kill('SIGTERM'))
  process.on('exit', () => child.kill('SIGKILL'))
  waitFor()
}

function waitFor(): void {
  const socket = connect(PORT, '127.0.0.1')
  socket.on('error', () => setTimeout(waitFor, 50))
  socket.on('connect', () => {
    socket.destroy()
    ready()
  })
}

function serveEcho(): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    socket.pipe(socket)
  })
  server.listen(PORT, '127.0.0.1', ready)
  process.on('SIGTERM', () => process.exit(0))
}

const { REDIS_SERVER } = process.env
if (REDIS_SERVER) serveRedis(REDIS_SERVER)
else serveEcho()
