import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import { isoCBOR } from '@simplewebauthn/server/helpers'

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest()
const UP = 0x01
const UV = 0x04
export const BACKUP_ELIGIBLE = 0x08
const ATTESTED = 0x40

/** What an answer may lie about. */
export interface Lie {
  readonly type?: string
  readonly challenge?: string
  readonly origin?: string
  readonly rpId?: string
  readonly crossOrigin?: boolean
  readonly topOrigin?: string
  readonly userHandle?: string | null
  readonly id?: string
  /** Flags beside user present and user verified; `clear` takes flags away. */
  readonly flags?: number
  readonly clear?: number
  readonly counter?: number
  /** COSE algorithm that the new key claims. */
  readonly alg?: number
  readonly tail?: Buffer
  readonly attestation?: Attestation
}

/** A certificate chain (leaf first, DER) with the leaf's private key, PKCS #8 PEM. */
export interface Attestation {
  readonly chain: readonly Buffer[]
  readonly key: string
  readonly aaguid: string
}

interface Options {
  readonly challenge: string
  readonly rpId?: string
  readonly rp?: { readonly id?: string }
  readonly user?: { readonly id: string }
}

/** An authenticator in software that answers whatever the test wants. */
export class SoftKey {
  readonly id = randomBytes(16).toString('base64url')
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly #origin: string
  counter = 0
  userHandle: string | null = null

  constructor(origin: string) {
    this.#origin = origin
  }

  get verified(): number {
    return UV
  }

  /** Answers `navigator.credentials.create`. */
  create(options: Options, lie: Lie = {}) {
    this.userHandle = options.user?.id ?? null
    const aaguid = Buffer.from((lie.attestation?.aaguid ?? '0'.repeat(32)).replaceAll('-', ''), 'hex')
    const id = Buffer.from(this.id, 'base64url')
    const length = Buffer.alloc(2)
    length.writeUInt16BE(id.length)
    const rpId = lie.rpId ?? options.rp?.id ?? ''
    const authData = Buffer.concat([
      this.#head(rpId, ATTESTED, lie),
      aaguid,
      length,
      id,
      this.#coseKey(lie.alg ?? -7),
      lie.tail ?? Buffer.alloc(0),
    ])
    const clientData = this.#clientData('webauthn.create', options, lie)
    const { attestation } = lie
    const statement = new Map<string, unknown>()
    if (attestation) {
      const signed = Buffer.concat([authData, sha256(clientData)])
      statement.set('alg', -7)
      statement.set('sig', new Uint8Array(sign('sha256', signed, createPrivateKey(attestation.key))))
      statement.set(
        'x5c',
        attestation.chain.map((der) => new Uint8Array(der)),
      )
    }
    const object = new Map<string, unknown>([
      ['fmt', attestation ? 'packed' : 'none'],
      ['attStmt', statement],
      ['authData', new Uint8Array(authData)],
    ])
    return this.#answer({
      clientDataJSON: clientData.toString('base64url'),
      attestationObject: Buffer.from(isoCBOR.encode(object as never)).toString('base64url'),
      transports: ['usb'],
    })
  }

  /** Answers `navigator.credentials.get`; counts on by one. */
  get(options: Options, lie: Lie = {}) {
    this.counter = lie.counter ?? this.counter + 1
    const authData = this.#head(lie.rpId ?? options.rpId ?? '', 0, { ...lie, counter: this.counter })
    const clientData = this.#clientData('webauthn.get', options, lie)
    const signature = sign('sha256', Buffer.concat([authData, sha256(clientData)]), this.#keys.privateKey)
    const userHandle = lie.userHandle === undefined ? this.userHandle : lie.userHandle
    return this.#answer(
      {
        clientDataJSON: clientData.toString('base64url'),
        authenticatorData: authData.toString('base64url'),
        signature: signature.toString('base64url'),
        ...(userHandle === null ? {} : { userHandle }),
      },
      lie.id,
    )
  }

  #answer(response: object, id = this.id) {
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response }
  }

  #clientData(type: string, options: Options, lie: Lie): Buffer {
    const data = {
      type: lie.type ?? type,
      challenge: lie.challenge ?? options.challenge,
      origin: lie.origin ?? this.#origin,
      crossOrigin: lie.crossOrigin ?? false,
      ...(lie.topOrigin === undefined ? {} : { topOrigin: lie.topOrigin }),
    }
    return Buffer.from(JSON.stringify(data))
  }

  #head(rpId: string, flags: number, lie: Lie): Buffer {
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(lie.counter ?? this.counter)
    const all = (UP | UV | flags | (lie.flags ?? 0)) & ~(lie.clear ?? 0)
    return Buffer.concat([sha256(rpId), Buffer.from([all]), counter])
  }

  #coseKey(alg: number): Buffer {
    const { x, y } = (this.#keys.publicKey as KeyObject).export({ format: 'jwk' })
    const cose = new Map<number, unknown>([
      [1, 2],
      [3, alg],
      [-1, 1],
      [-2, new Uint8Array(Buffer.from(x!, 'base64url'))],
      [-3, new Uint8Array(Buffer.from(y!, 'base64url'))],
    ])
    return Buffer.from(isoCBOR.encode(cose as never))
  }
}
