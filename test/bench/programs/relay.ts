/** Carries TCP connections to a port of 127.0.0.1, given as argument. Tells its own port. */
import { connect, createServer } from 'node:net'
import { pipeline } from 'node:stream'

const port = Number(process.argv[2])

createServer({ noDelay: true }, (near) => {
  const far = connect({ port, host: '127.0.0.1', noDelay: true })
  pipeline(near, far, near, () => {})
}).listen(0, '127.0.0.1', function (this: { address(): unknown }) {
  process.send?.({ port: (this.address() as { port: number }).port })
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
