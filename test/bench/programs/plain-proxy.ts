/**
 * What a plain proxy does: TLS, Node's HTTP server and `http.Agent`, no tunnel and no check.
 * Arguments: key file, certificate file, port of the application. Tells its port.
 */
import { readFileSync } from 'node:fs'
import { Agent, request as requestHttp } from 'node:http'
import { createServer } from 'node:https'

const [, , keyFile = '', certFile = '', port = ''] = process.argv
const agent = new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY })

const server = createServer(
  { key: readFileSync(keyFile), cert: readFileSync(certFile) },
  (incoming, outgoing) => {
    const { method, url, headers } = incoming
    const upstream = requestHttp({ host: '127.0.0.1', port, method, path: url, headers, agent }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.on('error', () => outgoing.destroy())
      answer.pipe(outgoing)
    })
    upstream.on('error', () => outgoing.destroy())
    incoming.on('error', () => upstream.destroy())
    outgoing.on('error', () => upstream.destroy())
    incoming.pipe(upstream)
  },
)

server.listen(0, '127.0.0.1', () => {
  process.send?.({ port: (server.address() as { port: number }).port })
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
