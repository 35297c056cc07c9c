import type { Binding } from './ceremonies.ts'
import { type Deps, isLocal, type KeyOwner } from './deps.ts'
import { ALGORITHMS, type NewKey, verifyNewKey } from './response-verification.ts'

/** Creates a challenge for a new passkey. A passkey for sign-in must be stored on the authenticator; others need not be. */
export async function askNewKey(deps: Deps, binding: Binding, user: KeyOwner) {
  const { ceremonies, keys, hardware, party, publicNames } = deps
  const { challenge, ceremony } = ceremonies.begin(binding)
  const { generateRegistrationOptions } = await import('@simplewebauthn/server')
  const options = await generateRegistrationOptions({
    rpName: publicNames.clusterName,
    rpID: party.rpId,
    userName: user.name,
    userDisplayName: user.name,
    userID: new Uint8Array(Buffer.from(user.holder ?? '', 'base64url')),
    challenge: new Uint8Array(Buffer.from(challenge, 'base64url')),
    attestationType: hardware.configured ? 'direct' : 'none',
    excludeCredentials: (await keys.of(user)).map(({ id, transports }) => ({
      id,
      transports: JSON.parse(transports),
    })),
    authenticatorSelection: {
      residentKey: isLocal(user) ? 'required' : 'discouraged',
      userVerification: 'required',
    },
    supportedAlgorithmIDs: ALGORITHMS,
    timeout: 60_000,
  })
  return { options, ceremony }
}

/** Spends the challenge and verifies the new passkey. Throws `Problem`. */
export async function takeNewKey(
  deps: Deps,
  input: { readonly ceremony: string; readonly binding: Binding; readonly response: unknown },
): Promise<NewKey> {
  const { ceremonies, hardware, party, clock } = deps
  const challenge = await ceremonies.spend(input.ceremony, input.binding)
  return verifyNewKey(input.response, challenge, party, hardware, clock.now())
}
