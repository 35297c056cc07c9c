import { createHmac, randomInt } from 'node:crypto'
import { connect } from 'node:net'
import type { DnsProvider } from './dns-proof.ts'

const DEADLINE_MS = 20_000
const TTL_S = 60
const MOST_RESPONSE = 65_535
const [SOA, TXT, TSIG] = [6, 16, 250]
const [IN, NONE, ANY] = [1, 254, 255]
const UPDATE = 5 << 11
const FUDGE_S = 300
const RCODES: Readonly<Record<number, string>> = {
  1: 'FORMERR',
  2: 'SERVFAIL',
  3: 'NXDOMAIN',
  4: 'NOTIMP',
  5: 'REFUSED: the update-policy of the key does not allow it',
  9: 'NOTAUTH: key, secret or clock are wrong, or the server does not have the zone',
  10: 'NOTZONE: the name is not in the zone',
}

export interface Rfc2136Options {
  /** `HOST`, `HOST:PORT` or `[IPV6]:PORT`. */
  readonly server: string
  /** Null: the server is asked for the zone of a name. */
  readonly zone: string | null
  readonly keyName: string
  /** Base64. */
  readonly keySecret: string
  readonly algorithm: 'hmac-sha256' | 'hmac-sha384' | 'hmac-sha512'
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

const u16 = (...values: readonly number[]) =>
  Buffer.concat(values.map((value) => Buffer.from([(value >> 8) & 255, value & 255])))
const u32 = (value: number) =>
  Buffer.from([value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255])
/** Not compressed and in lower case, because it is signed like that. */
const nameOf = (name: string) => {
  const labels = name.toLowerCase().replace(/\.$/, '').split('.')
  return Buffer.concat([
    ...labels.flatMap((label) => [Buffer.from([label.length]), Buffer.from(label)]),
    Buffer.of(0),
  ])
}
const record = (name: string, type: number, group: number, ttl: number, data: Buffer) =>
  Buffer.concat([nameOf(name), u16(type, group), u32(ttl), u16(data.length), data])

/** A dynamic update (RFC 2136) that adds or deletes one TXT value, signed (RFC 8945). */
function signedUpdate(
  options: Omit<Rfc2136Options, 'server' | 'zone'>,
  update: { readonly zone: string; readonly name: string; readonly value: string; readonly add: boolean },
  id: number,
): Buffer {
  const { zone, name, value, add } = update
  const text = Buffer.from(value)
  const data = Buffer.concat([Buffer.from([text.length]), text])
  const change = record(name, TXT, add ? IN : NONE, add ? TTL_S : 0, data)
  const header = (additional: number) => u16(id, UPDATE, 1, 0, 1, additional)
  const body = Buffer.concat([nameOf(zone), u16(SOA, IN), change])

  const seconds = Math.floor(options.now() / 1_000)
  const time = Buffer.concat([u16(Math.floor(seconds / 2 ** 32)), u32(seconds % 2 ** 32)])
  const algorithm = nameOf(options.algorithm)
  const key = nameOf(options.keyName)
  // The message is signed as it is before the signature is added.
  const mac = createHmac(options.algorithm.slice('hmac-'.length), Buffer.from(options.keySecret, 'base64'))
    .update(Buffer.concat([header(0), body, key, u16(ANY), u32(0), algorithm, time, u16(FUDGE_S, 0, 0)]))
    .digest()
  const signature = Buffer.concat([algorithm, time, u16(FUDGE_S, mac.length), mac, u16(id, 0, 0)])
  return Buffer.concat([header(1), body, record(options.keyName, TSIG, ANY, 0, signature)])
}

/** Updates a zone at its primary server, over TCP. */
export function rfc2136Provider(options: Rfc2136Options): DnsProvider {
  const [, host = '', port = '53'] = /^\[?([^\]]+?)\]?(?::(\d+))?$/.exec(options.server) ?? []
  const zones = new Map<string, string>()

  /** The zone is where the server has an SOA record of its own, from the name upwards. */
  async function zoneOf(name: string, signal: AbortSignal): Promise<string> {
    if (options.zone !== null) return options.zone
    const known = zones.get(name)
    if (known !== undefined) return known
    const { decode, encode } = await import('dns-packet')
    for (let at = name; at.includes('.'); at = at.slice(at.indexOf('.') + 1)) {
      const id = randomInt(65_536)
      const question = encode({ type: 'query', id, questions: [{ type: 'SOA', name: at }] })
      const { answers = [] } = decode(await exchange(host, Number(port), question, signal))
      if (!answers.some((one) => one.type === 'SOA' && one.name.toLowerCase() === at)) continue
      zones.set(name, at)
      return at
    }
    throw new Error(`${options.server} does not have the zone of ${name}`)
  }

  async function update(
    record: { readonly name: string; readonly value: string; readonly add: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const zone = await zoneOf(record.name, signal)
    const id = randomInt(65_536)
    const response = await exchange(
      host,
      Number(port),
      signedUpdate(options, { zone, ...record }, id),
      signal,
    )
    // Its signature is not checked: a forged success makes the order fail, and nothing else.
    const rcode = response.readUInt16BE(2) & 15
    if (response.readUInt16BE(0) !== id) throw new Error(`${options.server} answered another question`)
    if (rcode !== 0)
      throw new Error(`${options.server} refused the update: ${RCODES[rcode] ?? `code ${rcode}`}`)
  }
  return {
    name: 'rfc2136',
    present: ({ name, value }, signal) => update({ name, value, add: true }, signal),
    cleanup: ({ name, value }, signal) => update({ name, value, add: false }, signal),
  }
}

/** Sends a message with its length, and resolves with the response. */
function exchange(host: string, port: number, message: Buffer, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({
      host,
      port,
      signal: AbortSignal.any([signal, AbortSignal.timeout(DEADLINE_MS)]),
    })
    let bytes = Buffer.alloc(0)
    socket.on('connect', () => socket.write(Buffer.concat([u16(message.length), message])))
    socket.on('data', (more) => {
      bytes = Buffer.concat([bytes, more])
      const whole = bytes.length < 2 ? MOST_RESPONSE : bytes.readUInt16BE(0) + 2
      if (bytes.length < whole) return
      socket.destroy()
      if (whole < 14) reject(new Error(`${host} sent a response that is too short`))
      else resolve(bytes.subarray(2, whole))
    })
    socket.on('error', (error) => reject(new Error(`${host}:${port} cannot be reached: ${error.message}`)))
    socket.on('close', () => reject(new Error(`${host}:${port} closed the connection`)))
  })
}
