import { connect } from 'node:net'

const DEADLINE_MS = 10_000

/** Resolves when something takes connections at the port of 127.0.0.1; rejects when nothing does in time. */
export async function untilListening(port: number): Promise<void> {
  const deadline = Date.now() + DEADLINE_MS
  while (!(await answers(port))) {
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after ${DEADLINE_MS} ms`)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
