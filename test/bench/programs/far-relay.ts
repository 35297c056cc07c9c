/**
 * Carries TCP connections to a port of 127.0.0.1 as a long way does: every byte takes as long as the first argument
 * says, in milliseconds, and any number of them may be under way. Second argument: the port. Tells its own.
 */
import { connect, createServer, type Socket } from 'node:net'

const [, , delay = '', port = ''] = process.argv
const delayMs = Number(delay)

// Timers take at least a millisecond: a shorter way takes all of its round trip on the way back.
const [thereMs, backMs] = delayMs >= 1 ? [delayMs, delayMs] : [0, 2 * delayMs]

function carry(from: Socket, to: Socket, ms: number): void {
  // Timers of one length fire in the order in which they were made.
  const later = (work: () => void) => (ms === 0 ? work() : void setTimeout(work, ms))
  from.on('data', (chunk) => later(() => to.write(chunk)))
  from.on('end', () => later(() => to.end()))
  from.on('error', () => to.destroy())
  from.on('close', () => void setTimeout(() => to.destroy(), 2 * ms))
}

createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
  const far = connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  carry(near, far, thereMs)
  carry(far, near, backMs)
}).listen(0, '127.0.0.1', function (this: { address(): unknown }) {
  process.send?.({ port: (this.address() as { port: number }).port })
})
process.on('SIGTERM', () => process.exit(0))
process.on('disconnect', () => process.exit(0))
