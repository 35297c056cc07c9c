/** A hub whose capsules no honest hub sends, for the WebTransport session of an agent. */
import { randomFillSync } from 'node:crypto'
import { type ClientHttp2Session, connect, createServer, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { AgentCarrier } from '../../plugins/transport-webtransport/agent-carrier.ts'
import { streamHead } from '../../plugins/transport-webtransport/capsules.ts'
import { loadLibrary } from '../../plugins/transport-webtransport/library.ts'
import { INITIAL_SETTINGS, READ_SETTINGS } from '../../plugins/transport-webtransport/windows.ts'
import { randomFrom } from '../e2e/fuzz-listeners.ts'

/** The first limits of WebTransport that a hub sends. */
export const GENEROUS = { 11105: 16 << 20, 11107: 16 << 20, 11109: 1 }
const SETTINGS = [GENEROUS, { 11105: 16_384, 11107: 100, 11109: 4 }, {}]

export const closed = (stream: Duplex): Promise<void> =>
  new Promise((resolve) => (stream.destroyed ? resolve() : stream.once('close', () => resolve())))

/** Connections to one hub that sends these settings. */
export async function openHostileHub(customSettings: Readonly<Record<number, number>> = GENEROUS) {
  const library = await loadLibrary()
  const server = createServer({ settings: { enableConnectProtocol: true, customSettings } })
  const arrived: ((stream: ServerHttp2Stream) => void)[] = []
  server.on('stream', (stream) => {
    stream.on('error', () => {})
    stream.resume()
    stream.respond({ ':status': 200 })
    arrived.shift()?.(stream)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const session: ClientHttp2Session = connect(address, {
    settings: { enablePush: false, customSettings: INITIAL_SETTINGS },
    remoteCustomSettings: [...READ_SETTINGS],
  })
  session.on('error', () => {})
  await new Promise((resolve) => session.once('remoteSettings', resolve))
  return {
    /** One session of WebTransport: the agent's end, and the stream of HTTP/2 on which the hub sends. */
    async open(): Promise<{ readonly carrier: AgentCarrier; readonly hub: ServerHttp2Stream }> {
      const hub = new Promise<ServerHttp2Stream>((resolve) => arrived.push(resolve))
      const stream = session.request({ ':method': 'CONNECT', ':protocol': 'webtransport', ':path': '/' })
      await new Promise((resolve) => stream.once('response', resolve))
      return { carrier: new AgentCarrier(library, stream), hub: await hub }
    },
    close() {
      session.destroy()
      server.close()
    },
  }
}

/** A variable-length integer of eight bytes, which every reader must accept. */
export function number(value: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt(value) | (3n << 62n))
  return bytes
}

export const capsule = (type: number, body: Uint8Array, length = body.length): Buffer =>
  Buffer.concat([number(type), number(length), body])

/** Those of WebTransport over HTTP/2, datagrams, and some that it does not define. */
const TYPES = [...Array.from({ length: 13 }, (_, at) => 0x190b4d38 + at), 0x2843, 0x78ae, 0, 1, 2 ** 40]
const NUMBERS = [0, 1, 2, 3, 4, 5, 9, 63, 64, 16_383, 16_384, 2 ** 30, 2 ** 53, 2 ** 61]

/**
 * Opens this many sessions, in each of which the hub sends capsules with other meanings and lengths than they may have, cut anywhere.
 * Another carrier lives beside them. Resolves to how many capsules that were; rejects if a session does not end, or the other
 * carrier does.
 */
export async function fuzzCarriers(seed: number, sessions: number): Promise<number> {
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T
  const hubs = await Promise.all(SETTINGS.map((settings) => openHostileHub(settings)))
  let capsules = 0

  function next(): Buffer {
    capsules += 1
    const type = one(TYPES)
    const body = Buffer.concat([
      ...Array.from({ length: below(4) }, () => number(one(NUMBERS))),
      random() < 0.5 ? randomFillSync(Buffer.alloc(below(random() < 0.1 ? 6_000 : 40))) : Buffer.alloc(0),
    ])
    if (random() < 0.3) return Buffer.concat([streamHead(1, body.length, random() < 0.05), body])
    if (random() < 0.1) return randomFillSync(Buffer.alloc(1 + below(30)))
    return capsule(type, body, random() < 0.1 ? below(2 ** one([4, 12, 20, 31])) : body.length)
  }

  async function attack(): Promise<void> {
    const { carrier, hub } = await one(hubs).open()
    carrier.on('error', () => {})
    if (random() < 0.5) carrier.resume()
    if (random() < 0.5) carrier.write(Buffer.alloc(below(100_000)))
    if (random() < 0.1) carrier.end()
    let bytes = Buffer.concat(Array.from({ length: 1 + below(200) }, next))
    while (bytes.length > 0 && !hub.destroyed) {
      const end = 1 + below(one([4, 100, 5_000]))
      hub.write(bytes.subarray(0, end))
      bytes = bytes.subarray(end)
      if (random() < 0.2) await turn()
    }
    if (random() < 0.5) hub.end()
    else hub.close()
    carrier.resume()
    await closed(carrier)
  }

  try {
    const { carrier: bystander, hub } = await hubs[0]!.open()
    for (let at = 0; at < sessions; at += 20)
      await Promise.all(Array.from({ length: Math.min(20, sessions - at) }, attack))
    hub.write(Buffer.concat([streamHead(1, 5), Buffer.from('alive')]))
    await new Promise<void>((resolve, reject) => {
      bystander.once('data', (chunk) =>
        String(chunk) === 'alive' ? resolve() : reject(new Error(`the other carrier got ${chunk}`)),
      )
      bystander.once('close', () => reject(new Error('the other carrier has ended')))
    })
    return capsules
  } finally {
    for (const each of hubs) each.close()
  }
}
