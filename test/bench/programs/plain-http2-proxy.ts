/**
 * What a plain proxy does over HTTP/2: TLS, Node's HTTP/2 server by its stream interface and `http.Agent`, no tunnel and no
 * check. Arguments: key file, certificate file, port of the application. Tells its port.
 */
import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createSecureServer, type OutgoingHttpHeaders } from 'node:http2'

const [, , keyFile = '', certFile = '', port = ''] = process.argv
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })
/** They belong to a connection of HTTP/1.1. */
const OF_CONNECTION = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'proxy-connection',
])

const server = createSecureServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) })
server.on('stream', (stream, head) => {
  stream.on('error', () => {})
  const headers: OutgoingHttpHeaders = { host: head[':authority'] }
  for (const [name, value] of Object.entries(head)) if (!name.startsWith(':')) headers[name] = value
  const upstream = request(
    { host: '127.0.0.1', port, agent, method: head[':method'], path: head[':path'], headers },
    (response) => {
      const kept = Object.entries(response.headers).filter(([name]) => !OF_CONNECTION.has(name))
      if (!stream.closed) stream.respond({ ':status': response.statusCode, ...Object.fromEntries(kept) })
      response.on('error', () => stream.close())
      response.pipe(stream)
    },
  )
  upstream.on('error', () => stream.close())
  stream.on('close', () => upstream.destroy())
  stream.pipe(upstream)
})
server.on('sessionError', () => {})

server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as { port: number }).port })
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
