import { Problem } from '@mezite/core'
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import type { HardwareKeys } from './hardware-keys.ts'
import type { KeyRow } from './migrations.ts'
import { problemFor } from './reasons.ts'

/** The RP: the sign-in host, its exact name and origin. */
export interface Party {
  readonly rpId: string
  readonly origin: string
}

/** EdDSA, ES256, RS256. */
export const ALGORITHMS = [-8, -7, -257]

export type NewKey = Pick<
  KeyRow,
  'id' | 'public_key' | 'counter' | 'transports' | 'aaguid' | 'backup_eligible' | 'attested_root'
>

/**
 * Verifies an assertion by this passkey: origin, RP, user presence and verification, signature and counter. Returns the
 * new counter. Throws `Problem` 400 for every invalid input of a browser.
 */
export async function verifyAssertion(
  response: unknown,
  challenge: string,
  party: Party,
  key: KeyRow,
): Promise<number> {
  const given = response as AuthenticationResponseJSON
  checkClientData(given?.response?.clientDataJSON, 'webauthn.get', challenge, party)
  const { userHandle } = given.response
  if (userHandle !== undefined && userHandle !== null && userHandle !== key.holder) {
    throw problemFor('user_handle_wrong')
  }
  try {
    const { parseAuthenticatorData } = await import('@simplewebauthn/server/helpers')
    const { flags } = parseAuthenticatorData(bytesOf(given.response.authenticatorData))
    requireVerified(flags)
    const { verifyAuthenticationResponse } = await import('@simplewebauthn/server')
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: given,
      ...expected(challenge, party),
      // The counter is compared when it is stored, after the signature has been verified.
      credential: { id: key.id, publicKey: new Uint8Array(key.public_key), counter: -1 },
    })
    if (!verified) throw new Error('the signature does not match')
    return authenticationInfo.newCounter
  } catch (error) {
    throw asProblem(error, 'assertion_invalid')
  }
}

/**
 * Verifies a new passkey. Reads an attestation only if it could qualify for `hardware_key` (format `packed` with
 * certificates). Of every other it checks only the form, because its statement would have no effect. Throws `Problem` 400.
 */
export async function verifyNewKey(
  response: unknown,
  challenge: string,
  party: Party,
  hardware: HardwareKeys,
  now: number,
): Promise<NewKey> {
  const given = response as RegistrationResponseJSON
  checkClientData(given?.response?.clientDataJSON, 'webauthn.create', challenge, party)
  try {
    const helpers = await import('@simplewebauthn/server/helpers')
    const { decodeAttestationObject, isoCBOR, parseAuthenticatorData } = helpers
    const bytes = bytesOf(given.response.attestationObject)
    const object = decodeAttestationObject(new Uint8Array(bytes))
    checkForm(object)
    // The decoder ignores bytes after the object. Clients must use CTAP2 canonical CBOR (WebAuthn Level 3, section 2.4),
    // which has one length for each object.
    if (isoCBOR.encode(object as never).length !== bytes.length)
      throw new Error('bytes after the attestation object')
    const root = rootOf(object, hardware, now)
    const plain = new Map<string, unknown>([
      ['fmt', 'none'],
      ['attStmt', new Map()],
      ['authData', object.get('authData')],
    ])
    const { flags } = parseAuthenticatorData(object.get('authData'))
    requireVerified(flags)
    const attestationObject =
      root === null
        ? Buffer.from(isoCBOR.encode(plain as never)).toString('base64url')
        : given.response.attestationObject
    const { verifyRegistrationResponse } = await import('@simplewebauthn/server')
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: { ...given, response: { ...given.response, attestationObject } },
      ...expected(challenge, party),
      supportedAlgorithmIDs: ALGORITHMS,
    })
    if (!verified) throw new Error('the attestation does not match')
    const { credential, aaguid } = registrationInfo
    if (credential.id !== given.id) throw new Error('the ids differ')
    return {
      id: credential.id,
      public_key: credential.publicKey,
      counter: credential.counter,
      transports: JSON.stringify(transportsOf(given.response.transports)),
      aaguid,
      backup_eligible: flags.be ? 1 : 0,
      attested_root: root,
    }
  } catch (error) {
    throw asProblem(error, 'key_invalid')
  }
}

/** What the library compares. */
const expected = (challenge: string, { origin, rpId }: Party) => ({
  expectedChallenge: challenge,
  expectedOrigin: origin,
  expectedRPID: rpId,
  requireUserVerification: true,
})

function requireVerified({ uv }: { readonly uv: boolean }): void {
  if (!uv) throw problemFor('user_not_verified')
}

/** Formats of the registry "WebAuthn Attestation Statement Format Identifiers" of IANA. */
const FORMATS = new Set([
  'packed',
  'tpm',
  'android-key',
  'android-safetynet',
  'fido-u2f',
  'apple',
  'none',
  'compound',
])

/** Checks the form of an attestation object (WebAuthn Level 3, section 6.5.4). */
function checkForm(
  object: ReturnType<typeof import('@simplewebauthn/server/helpers').decodeAttestationObject>,
): void {
  const format: unknown = object.get('fmt')
  const statement: unknown = object.get('attStmt')
  if (typeof format !== 'string' || !FORMATS.has(format)) throw new Error('unknown attestation format')
  if (format === 'compound' ? !Array.isArray(statement) : !(statement instanceof Map))
    throw new Error('malformed attestation statement')
  if (format === 'none' && (statement as Map<unknown, unknown>).size > 0)
    throw new Error('an attestation of format none has no statement')
}

function rootOf(
  object: ReturnType<typeof import('@simplewebauthn/server/helpers').decodeAttestationObject>,
  hardware: HardwareKeys,
  now: number,
): string | null {
  if (!hardware.configured || object.get('fmt') !== 'packed') return null
  const chain: unknown = object.get('attStmt').get('x5c')
  if (!Array.isArray(chain) || !chain.every((one) => one instanceof Uint8Array)) return null
  return hardware.rootOf(chain, now)
}

function bytesOf(text: unknown): Uint8Array<ArrayBuffer> {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]+$/.test(text)) throw new Error('not base64url')
  return new Uint8Array(Buffer.from(text, 'base64url'))
}

const TRANSPORTS = new Set(['ble', 'cable', 'hybrid', 'internal', 'nfc', 'smart-card', 'usb'])
const transportsOf = (given: unknown): string[] =>
  Array.isArray(given) ? [...new Set(given)].filter((one) => TRANSPORTS.has(one)) : []

const asProblem = (error: unknown, code: 'assertion_invalid' | 'key_invalid'): Problem =>
  error instanceof Problem ? error : problemFor(code)

const MAX_CLIENT_DATA = 4_096

/**
 * Checks the collected client data, the browser's signed statement about the calling page (WebAuthn Level 3, section 5.8.1),
 * before anything else is parsed. The origin is compared exactly: a sibling application is same-site but has another origin. A ceremony in a frame of another origin
 * (`crossOrigin`, `topOrigin`) is refused, because the person could not see which page asks. Throws `Problem` 400.
 */
function checkClientData(
  encoded: unknown,
  type: 'webauthn.get' | 'webauthn.create',
  challenge: string,
  { origin }: Party,
): void {
  const data = read(encoded)
  if (data.type !== type) throw problemFor('type_wrong')
  if (data.challenge !== challenge) throw problemFor('challenge_wrong')
  if (data.origin !== origin) throw problemFor('origin_wrong')
  const framed = data.crossOrigin !== undefined && data.crossOrigin !== false
  if (framed || data.topOrigin !== undefined) {
    throw problemFor('cross_origin')
  }
}

function read(encoded: unknown): Record<string, unknown> {
  try {
    if (typeof encoded !== 'string' || encoded.length > MAX_CLIENT_DATA) throw new Error('no text')
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(encoded, 'base64url'))
    const data: unknown = JSON.parse(text)
    if (typeof data === 'object' && data !== null && !Array.isArray(data)) return data as never
  } catch {
    // Reported below.
  }
  throw problemFor('client_data_invalid')
}
