import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'

/** The parts of `PublicKeyCredential…OptionsJSON` that an authenticator needs. */
export interface PasskeyOptions {
  readonly challenge: string
  /** Set for `get`. */
  readonly rpId?: string
  /** Set for `create`. */
  readonly rp?: { readonly id: string }
  readonly user?: { readonly id: string }
}

const sha256 = (bytes: Buffer | string): Buffer => createHash('sha256').update(bytes).digest()
const USER_PRESENT_AND_VERIFIED = 0x05
const ATTESTED = 0x40

// The parts of CBOR (RFC 8949) that attestation objects and public keys need; no string here is longer than 255 bytes.
const head = (major: number, length: number): Buffer =>
  Buffer.from(length < 24 ? [major | length] : [major | 24, length])
const text = (value: string): Buffer => Buffer.concat([head(0x60, value.length), Buffer.from(value)])
const bytes = (value: Buffer): Buffer => Buffer.concat([head(0x40, value.length), value])
const map = (...entries: readonly Buffer[]): Buffer =>
  Buffer.concat([head(0xa0, entries.length / 2), ...entries])
/** Small integers, including negative ones. */
const int = (value: number): Buffer => (value < 0 ? head(0x20, -1 - value) : head(0, value))

/** A passkey in software (ES256, no attestation), for use without a browser. */
export class SoftwarePasskey {
  readonly #id = randomBytes(16)
  readonly #keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  readonly #origin: string
  #userHandle = ''
  #counter = 0

  /** `origin` is the origin of the page, which a browser would add. */
  constructor(origin: string) {
    this.#origin = origin
  }

  /** The result of `navigator.credentials.create` as JSON. */
  create({ challenge, rp, user }: PasskeyOptions): object {
    this.#userHandle = user?.id ?? ''
    const length = Buffer.from([0, this.#id.length])
    const authData = Buffer.concat([
      this.#authData(rp?.id ?? '', ATTESTED),
      Buffer.alloc(16),
      length,
      this.#id,
      this.#publicKey(),
    ])
    const object = map(
      ...[text('fmt'), text('none')],
      ...[text('attStmt'), map()],
      ...[text('authData'), bytes(authData)],
    )
    const clientData = this.#clientData('webauthn.create', challenge)
    return this.#response({
      clientDataJSON: clientData.toString('base64url'),
      attestationObject: object.toString('base64url'),
    })
  }

  /** The result of `navigator.credentials.get` as JSON. */
  get({ challenge, rpId }: PasskeyOptions): object {
    this.#counter++
    const authData = this.#authData(rpId ?? '', 0)
    const clientData = this.#clientData('webauthn.get', challenge)
    const signature = sign('sha256', Buffer.concat([authData, sha256(clientData)]), this.#keys.privateKey)
    return this.#response({
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: authData.toString('base64url'),
      signature: signature.toString('base64url'),
      userHandle: this.#userHandle,
    })
  }

  #response(response: object): object {
    const id = this.#id.toString('base64url')
    return { id, rawId: id, type: 'public-key', clientExtensionResults: {}, response }
  }

  #clientData(type: string, challenge: string): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.#origin, crossOrigin: false }))
  }

  #authData(rpId: string, flags: number): Buffer {
    const counter = Buffer.alloc(4)
    counter.writeUInt32BE(this.#counter)
    return Buffer.concat([sha256(rpId), Buffer.from([USER_PRESENT_AND_VERIFIED | flags]), counter])
  }

  /** As COSE (RFC 9053): key type EC2, algorithm ES256, curve P-256, x, y. */
  #publicKey(): Buffer {
    const { x = '', y = '' } = (this.#keys.publicKey as KeyObject).export({ format: 'jwk' })
    const [bytesOfX, bytesOfY] = [Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]
    return map(
      ...[int(1), int(2)],
      ...[int(3), int(-7)],
      ...[int(-1), int(1)],
      ...[int(-2), bytes(bytesOfX)],
      ...[int(-3), bytes(bytesOfY)],
    )
  }
}
