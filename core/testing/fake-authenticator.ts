import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest()
const UP = 0x01
const UV = 0x04
/** The flag of a credential that its authenticator may copy to other devices. */
export const BACKUP_ELIGIBLE = 0x08
const ATTESTED = 0x40

/** Members of a response that differ from what an authenticator sends; the others are correct. */
export interface ResponseChanges {
  readonly type?: string
  readonly challenge?: string
  readonly origin?: string
  readonly rpId?: string
  readonly crossOrigin?: boolean
  readonly topOrigin?: string
  readonly userHandle?: string | null
  readonly id?: string
  /** Flags in addition to user present and user verified; `clear` removes flags. */
  readonly flags?: number
  readonly clear?: number
  readonly counter?: number
  /** COSE algorithm of the new key. */
  readonly alg?: number
  /** Bytes after the authenticator data. */
  readonly tail?: Buffer
  /** Bytes after the attestation object. */
  readonly afterAttestation?: Buffer
  /** The format of the attestation, in place of `packed` with `attestation` and `none` without. */
  readonly format?: string
  readonly attestation?: Attestation
}

/** A certificate chain (leaf first, DER) with the leaf's private key, PKCS #8 PEM. */
export interface Attestation {
  readonly chain: readonly Buffer[]
  readonly key: string
  readonly aaguid: string
}

export interface CeremonyOptions {
  readonly challenge: string
  readonly rpId?: string
  readonly rp?: { readonly id?: string }
  readonly user?: { readonly id: string }
}

/** A WebAuthn authenticator in software with one P-256 credential, for tests of passkeys. */
export class FakeAuthenticator {
  readonly id = randomBytes(16).toString('base64url')
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly #origin: string
  counter = 0
  /** Of the last `create`. */
  userHandle: string | null = null

  /** `origin` is that of the pages that call it. */
  constructor(origin: string) {
    this.#origin = origin
  }

  get verified(): number {
    return UV
  }

  /** The response to `navigator.credentials.create`, in JSON. */
  create(options: CeremonyOptions, changes: ResponseChanges = {}) {
    this.userHandle = options.user?.id ?? null
    const aaguid = Buffer.from((changes.attestation?.aaguid ?? '0'.repeat(32)).replaceAll('-', ''), 'hex')
    const id = Buffer.from(this.id, 'base64url')
    const length = Buffer.alloc(2)
    length.writeUInt16BE(id.length)
    const rpId = changes.rpId ?? options.rp?.id ?? ''
    const authData = Buffer.concat([
      this.#head(rpId, ATTESTED, changes),
      aaguid,
      length,
      id,
      this.#coseKey(changes.alg ?? -7),
      changes.tail ?? Buffer.alloc(0),
    ])
    const clientData = this.#clientData('webauthn.create', options, changes)
    const { attestation } = changes
    const statement = new Map<string, Cbor>()
    if (attestation) {
      const signed = Buffer.concat([authData, sha256(clientData)])
      statement.set('alg', -7)
      statement.set('sig', new Uint8Array(sign('sha256', signed, createPrivateKey(attestation.key))))
      statement.set(
        'x5c',
        attestation.chain.map((der) => new Uint8Array(der)),
      )
    }
    const object = new Map<string, Cbor>([
      ['fmt', changes.format ?? (attestation ? 'packed' : 'none')],
      ['attStmt', statement],
      ['authData', new Uint8Array(authData)],
    ])
    return this.#response({
      clientDataJSON: clientData.toString('base64url'),
      attestationObject: Buffer.concat([cbor(object), changes.afterAttestation ?? Buffer.alloc(0)]).toString(
        'base64url',
      ),
      transports: ['usb'],
    })
  }

  /** The response to `navigator.credentials.get`, in JSON; the counter advances by one. */
  get(options: CeremonyOptions, changes: ResponseChanges = {}) {
    this.counter = changes.counter ?? this.counter + 1
    const authData = this.#head(changes.rpId ?? options.rpId ?? '', 0, { ...changes, counter: this.counter })
    const clientData = this.#clientData('webauthn.get', options, changes)
    const signature = sign('sha256', Buffer.concat([authData, sha256(clientData)]), this.#keys.privateKey)
    const userHandle = changes.userHandle === undefined ? this.userHandle : changes.userHandle
    return this.#response(
      {
        clientDataJSON: clientData.toString('base64url'),
        authenticatorData: authData.toString('base64url'),
        signature: signature.toString('base64url'),
        ...(userHandle === null ? {} : { userHandle }),
      },
      changes.id,
    )
  }

  #response(response: object, id = this.id) {
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response }
  }

  #clientData(type: string, options: CeremonyOptions, changes: ResponseChanges): Buffer {
    const data = {
      type: changes.type ?? type,
      challenge: changes.challenge ?? options.challenge,
      origin: changes.origin ?? this.#origin,
      crossOrigin: changes.crossOrigin ?? false,
      ...(changes.topOrigin === undefined ? {} : { topOrigin: changes.topOrigin }),
    }
    return Buffer.from(JSON.stringify(data))
  }

  #head(rpId: string, flags: number, changes: ResponseChanges): Buffer {
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(changes.counter ?? this.counter)
    const all = (UP | UV | flags | (changes.flags ?? 0)) & ~(changes.clear ?? 0)
    return Buffer.concat([sha256(rpId), Buffer.from([all]), counter])
  }

  #coseKey(alg: number): Buffer {
    const { x, y } = (this.#keys.publicKey as KeyObject).export({ format: 'jwk' })
    const cose = new Map<number, Cbor>([
      [1, 2],
      [3, alg],
      [-1, 1],
      [-2, new Uint8Array(Buffer.from(x!, 'base64url'))],
      [-3, new Uint8Array(Buffer.from(y!, 'base64url'))],
    ])
    return cbor(cose)
  }
}

type Cbor = number | string | Uint8Array | readonly Cbor[] | ReadonlyMap<string | number, Cbor>

/** Encodes the few types of CBOR that authenticators use (RFC 8949 section 3.1). */
function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? cborHead(1, -1 - value) : cborHead(0, value)
  if (typeof value === 'string')
    return Buffer.concat([cborHead(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([cborHead(2, value.length), value])
  if (value instanceof Map)
    return Buffer.concat([
      cborHead(5, value.size),
      ...[...value].flatMap(([key, one]) => [cbor(key), cbor(one)]),
    ])
  const list = value as readonly Cbor[]
  return Buffer.concat([cborHead(4, list.length), ...list.map(cbor)])
}

/** Major type and argument; 16 bits are enough here. */
function cborHead(major: number, argument: number): Buffer {
  const type = major << 5
  if (argument < 24) return Buffer.from([type | argument])
  if (argument < 0x100) return Buffer.from([type | 24, argument])
  return Buffer.from([type | 25, argument >> 8, argument & 0xff])
}
