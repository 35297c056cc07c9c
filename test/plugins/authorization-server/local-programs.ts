import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'

const LONGEST_END_MS = 10_000

interface Test {
  teardown(close: () => unknown): void
}

/**
 * A proxy for CONNECT (RFC 9110 section 9.3.6) that takes every name for this machine: most programs ask DNS for names
 * below `.localhost`. Resolves to its origin.
 */
export async function startConnectProxy(t: Test): Promise<string> {
  const proxy = createServer()
  proxy.on('connect', (request, socket, head) => {
    const upstream = connect(Number(request.url?.split(':').at(-1)), '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      upstream.write(head)
      upstream.pipe(socket).pipe(upstream)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
    socket.on('close', () => upstream.destroy())
  })
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    proxy.closeAllConnections()
    proxy.close()
  })
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
}

/** A program that runs until the test ends; what it writes is in `output`. */
export function startProgram(
  t: Test,
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): { readonly child: ChildProcess; readonly output: string[] } {
  const output: string[] = []
  const child = spawn(command, args, { env: { PATH: process.env.PATH, ...env } })
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => void output.push(text))
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    // By its own end, because it may have processes of its own.
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), LONGEST_END_MS)
    await exited
    clearTimeout(late)
  })
  return { child, output }
}
