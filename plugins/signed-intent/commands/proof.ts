import { createHash, createPublicKey, type JsonWebKey, verify } from 'node:crypto'

/** What was signed, as the page signed-intent of the documentation lists it. */
export type ProvenIntent = Readonly<Record<string, string | number | null>>

export const sha256 = (bytes: Uint8Array | string): Buffer => createHash('sha256').update(bytes).digest()

/** RFC 8785, of texts, whole numbers and null. Verifies what the plugin makes, and so does not share its code. */
function canonical(intent: ProvenIntent): Buffer {
  const members = Object.keys(intent)
    .sort()
    .map((name) => `${JSON.stringify(name)}:${JSON.stringify(intent[name])}`)
  return Buffer.from(`{${members.join(',')}}`)
}

/** The parts of an event `intent.signed` that prove it. All but `public_key` and `signer` are base64url. */
export interface Proof {
  readonly format: 'mezite-proof/1'
  /** The canonical encoding of the intent. */
  readonly statement: string
  readonly signer: string
  readonly credential_id: string
  readonly public_key: JsonWebKey
  readonly authenticator_data: string
  readonly client_data: string
  readonly signature: string
}

const USER_PRESENT = 0x01
const USER_VERIFIED = 0x04

/**
 * Verifies a proof without a hub: the statement is canonical, the challenge is its digest, the passkey belongs to the domain and has verified its
 * person, and the signature is that of the key. Returns the intent. Throws `Error` with the first fault.
 */
export function checkProof(proof: Proof): ProvenIntent {
  const statement = Buffer.from(textOf(proof.statement, 'statement'), 'base64url')
  const intent = JSON.parse(statement.toString()) as ProvenIntent
  if (intent.type !== 'mezite-intent/1' || !canonical(intent).equals(statement))
    throw new Error('the statement is not in its canonical form')
  const clientData = Buffer.from(textOf(proof.client_data, 'client_data'), 'base64url')
  const { type, challenge, origin } = JSON.parse(clientData.toString()) as Record<string, unknown>
  if (type !== 'webauthn.get') throw new Error('the client data is not that of an assertion')
  if (challenge !== sha256(statement).toString('base64url'))
    throw new Error('the passkey has signed another statement')
  if (origin !== `https://${intent.domain}`) throw new Error('the passkey was used on another host')
  const data = Buffer.from(textOf(proof.authenticator_data, 'authenticator_data'), 'base64url')
  const host = new URL(`https://${intent.domain}`).hostname
  if (data.length < 37 || !data.subarray(0, 32).equals(sha256(host)))
    throw new Error('the passkey belongs to another host')
  const flags = data[32] as number
  if ((flags & USER_PRESENT) === 0 || (flags & USER_VERIFIED) === 0)
    throw new Error('the passkey did not verify its person')
  const key = createPublicKey({ key: proof.public_key, format: 'jwk' })
  const signed = Buffer.concat([data, sha256(clientData)])
  const signature = Buffer.from(textOf(proof.signature, 'signature'), 'base64url')
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  if (!verify(algorithm, signed, key, signature)) throw new Error('the signature does not match')
  return intent
}

function textOf(value: unknown, name: string): string {
  if (typeof value === 'string' && value !== '') return value
  throw new Error(`"${name}" is missing`)
}

/** The proof in the fields of an event. Throws `Error` if it has none. */
export function proofIn(event: Readonly<Record<string, unknown>>): Proof {
  const text = (name: string): string => {
    let whole = textOf(event[name], name)
    for (let at = 2; typeof event[`${name}_${at}`] === 'string'; at += 1) whole += event[`${name}_${at}`]
    return whole
  }
  return {
    format: 'mezite-proof/1',
    statement: text('statement'),
    signer: text('signer'),
    credential_id: text('credential_id'),
    public_key: JSON.parse(Buffer.from(text('public_key'), 'base64url').toString()),
    authenticator_data: text('authenticator_data'),
    client_data: text('client_data'),
    signature: text('signature'),
  }
}
