import {
  createHash,
  createHmac,
  type KeyObject,
  randomBytes,
  sign,
  timingSafeEqual,
  verify,
  X509Certificate,
} from 'node:crypto'
import type { Clock } from '../kernel/clock.ts'

/** The request that opens a carrier; a proof is valid for one. */
export interface CarrierOpening {
  /** GET for an upgrade (RFC 9110 section 7.8), CONNECT for an extended CONNECT (RFC 8441). */
  readonly method: 'GET' | 'CONNECT'
  /** The hub's name, as in `Host` without the port: ports differ behind port forwarding. */
  readonly host: string
  readonly path: string
}

/** Makes the value of the `Authorization` header of one request that opens a carrier. */
export type ProveCarrier = (opening: CarrierOpening) => string

interface Freshness {
  /** Seconds since the epoch. */
  readonly time: number
  readonly nonce: string
}

/** A proof as received; nothing in it has been verified. */
export type CarrierProof = Freshness &
  (
    | { readonly kind: 'agent'; readonly certificate: X509Certificate; readonly signature: Buffer }
    | { readonly kind: 'join'; readonly tokenId: string; readonly mac: Buffer }
  )

const AGENT =
  /^Mezite-Agent cert="([\w-]{1,4096})", time="(\d{1,12})", nonce="([\w-]{16,64})", sig="([\w-]{1,256})"$/
const JOIN =
  /^Mezite-Join id="([\w-]{1,64})", time="(\d{1,12})", nonce="([\w-]{16,64})", mac="([\w-]{1,64})"$/

/** Proves the key of an agent's certificate (both PEM) with a signature (ECDSA over SHA-256). */
export function proveAgent(
  own: { readonly key: string; readonly certificate: string },
  clock: Pick<Clock, 'now'>,
): ProveCarrier {
  return (opening) => {
    const fresh = freshness(clock)
    const cert = new X509Certificate(own.certificate).raw.toString('base64url')
    const sig = sign('sha256', signedText(opening, fresh), own.key).toString('base64url')
    return `Mezite-Agent cert="${cert}", time="${fresh.time}", nonce="${fresh.nonce}", sig="${sig}"`
  }
}

/** Proves a join token without revealing it: an HMAC keyed with the hash of the token, which the hub stores. */
export function proveJoin(token: string, clock: Pick<Clock, 'now'>): ProveCarrier {
  return (opening) => {
    const fresh = freshness(clock)
    const hash = createHash('sha256').update(token).digest('hex')
    const mac = macOf(hash, opening, fresh).toString('base64url')
    return `Mezite-Join id="${joinTokenId(hash)}", time="${fresh.time}", nonce="${fresh.nonce}", mac="${mac}"`
  }
}

/** Names a join token by the hash (hex) of the stored hash, which reveals neither the token nor its hash. */
export function joinTokenId(hash: string): string {
  return createHash('sha256').update(hash).digest('hex')
}

/** Reads an `Authorization` header; null if it is not exactly a proof. */
export function readCarrierProof(header: string | undefined): CarrierProof | null {
  const agent = AGENT.exec(header ?? '')
  if (agent) {
    const [, cert = '', time, nonce = '', sig = ''] = agent
    try {
      const certificate = new X509Certificate(Buffer.from(cert, 'base64url'))
      const signature = Buffer.from(sig, 'base64url')
      return { kind: 'agent', certificate, signature, time: Number(time), nonce }
    } catch {
      return null
    }
  }
  const join = JOIN.exec(header ?? '')
  if (!join) return null
  const [, tokenId = '', time, nonce = '', mac = ''] = join
  return { kind: 'join', tokenId, mac: Buffer.from(mac, 'base64url'), time: Number(time), nonce }
}

/** Whether the key of the certificate signed this opening. */
export function isSignedBy(
  key: KeyObject,
  proof: Extract<CarrierProof, { kind: 'agent' }>,
  opening: CarrierOpening,
): boolean {
  return key.asymmetricKeyType === 'ec' && verify('sha256', signedText(opening, proof), key, proof.signature)
}

/** Whether the holder of the token with this stored hash (hex) made the proof for this opening. */
export function isMadeWith(
  hash: string,
  proof: Extract<CarrierProof, { kind: 'join' }>,
  opening: CarrierOpening,
): boolean {
  const expected = macOf(hash, opening, proof)
  return proof.mac.length === expected.length && timingSafeEqual(proof.mac, expected)
}

const freshness = (clock: Pick<Clock, 'now'>): Freshness => ({
  time: Math.floor(clock.now() / 1_000),
  nonce: randomBytes(18).toString('base64url'),
})

/** The prefix keeps these signatures apart from everything else that the key signs. */
const signedText = ({ method, host, path }: CarrierOpening, { time, nonce }: Freshness): Buffer =>
  Buffer.from(['mezite-carrier/1', method, host, path, time, nonce].join('\n'))

const macOf = (hash: string, opening: CarrierOpening, fresh: Freshness): Buffer =>
  createHmac('sha256', hash).update(signedText(opening, fresh)).digest()
