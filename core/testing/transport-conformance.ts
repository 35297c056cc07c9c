import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import type { ConformTest } from './conformance-test.ts'

/** A fresh carrier of the transport under test: what the agent dialled, and what the hub received. */
export type OpenCarrier = () => Promise<{ readonly agent: Duplex; readonly hub: Duplex }>

/**
 * Checks that a transport moves one reliable byte stream, which is all that the tunnel asks of it. TLS, streams,
 * flow control and heartbeats are the core's and are tested there.
 */
export function conformTransport(t: ConformTest, open: OpenCarrier): void {
  const pairs = async (run: (from: Duplex, to: Duplex) => Promise<void>): Promise<void> => {
    for (const side of ['agent', 'hub'] as const) {
      const carrier = await open()
      for (const end of [carrier.agent, carrier.hub]) end.on('error', () => {})
      await run(carrier[side], side === 'agent' ? carrier.hub : carrier.agent)
      carrier.agent.destroy()
      carrier.hub.destroy()
    }
  }

  t.test('small and big writes arrive in order and whole', async (t) => {
    await pairs(async (from, to) => {
      const sent = [
        Buffer.from('P'),
        Buffer.from('OST / HTTP/1.1\r\n'),
        randomBytes(8 << 20),
        Buffer.from([0]),
      ]
      const whole = Buffer.concat(sent)
      const arrived = collect(to, whole.length)
      for (const chunk of sent) from.write(chunk)
      t.ok((await arrived).equals(whole), 'byte for byte')
    })
  })

  t.test('a reader that pauses slows the writer down', async (t) => {
    await pairs(async (from, to) => {
      to.pause()
      let written = 0
      while (from.write(Buffer.alloc(65_536)) && written < 1_024) written += 1
      t.ok(written < 1_024, 'write says false before 64 MiB')
    })
  })

  t.test('the loss of one end is told to the other', async (t) => {
    await pairs(async (from, to) => {
      to.resume()
      const closed = new Promise<void>((resolve) => to.once('close', resolve))
      from.destroy()
      await closed
      t.ok(true, 'closed')
    })
  })
}

function collect(stream: Duplex, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  return new Promise((resolve, reject) => {
    stream.once('close', () => reject(new Error(`closed after ${size} of ${length} bytes`)))
    stream.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      size += chunk.length
      if (size >= length) resolve(Buffer.concat(chunks))
    })
  })
}
