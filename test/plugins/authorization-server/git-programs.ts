import { execFile, spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import type { TestHub } from '@mezite/core/testing'

const run = promisify(execFile)

/**
 * Serves the repositories of a folder by git's own program (CGI, RFC 3875), which trusts the user that the hub names; gone with the test.
 * Resolves to its origin. `heard` gets each `Authorization`.
 */
export async function startGitServer(
  t: { teardown(fn: () => unknown): void },
  dir: string,
  heard: (authorization: string | undefined) => void = () => {},
): Promise<string> {
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    heard(request.headers.authorization)
    const { pathname, search } = new URL(request.url ?? '/', 'http://git')
    const child = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env.PATH,
        GIT_PROJECT_ROOT: dir,
        GIT_HTTP_EXPORT_ALL: '1',
        REQUEST_METHOD: request.method,
        PATH_INFO: pathname,
        QUERY_STRING: search.slice(1),
        REMOTE_USER: String(request.headers['x-mezite-user']),
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
        GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      },
    })
    child.stdin.on('error', () => {})
    request.pipe(child.stdin)
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    child.once('close', () => {
      const all = Buffer.concat(chunks)
      const end = all.indexOf('\r\n\r\n')
      for (const line of all.toString('latin1', 0, end).split('\r\n')) {
        const [name = '', value = ''] = line.split(/: (.*)/)
        if (name === 'Status') response.statusCode = Number(value.slice(0, 3))
        else response.setHeader(name, value)
      }
      response.end(all.subarray(end + 4))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** Runs git with the authority of the hub and without the settings of the machine. `dir`: its home. */
export function gitIn(dir: string, hub: TestHub) {
  const { hostname, port } = new URL(hub.appUrl('git'))
  /** The tests' names are not in DNS. */
  const resolve = `${hostname}:${port}:127.0.0.1`
  return (cwd: string, ...args: string[]) =>
    run('git', ['-c', `http.sslCAInfo=${hub.caFile}`, '-c', `http.curloptResolve=${resolve}`, ...args], {
      cwd,
      env: {
        PATH: process.env.PATH,
        HOME: dir,
        GIT_TERMINAL_PROMPT: '0',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_AUTHOR_NAME: 'ci',
        GIT_AUTHOR_EMAIL: 'ci@example.com',
        GIT_COMMITTER_NAME: 'ci',
        GIT_COMMITTER_EMAIL: 'ci@example.com',
      },
      timeout: 180_000,
    })
}
