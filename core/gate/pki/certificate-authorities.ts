import type { Pkcs10CertificateRequest, PublicKeyType } from '@peculiar/x509'
import type { AuthorityAdministration } from '../../api/administration.ts'
import type { Authorities, AuthorityName, IssuedCertificate } from '../../api/certificate-authorities.ts'
import { loadX509 } from '../../base/x509/x509-library.ts'
import { MezError, messageOf } from '../../kernel/error.ts'
import type { Log } from '../../kernel/log.ts'
import { hubName } from '../../wire/tunnel-protocol.ts'
import { type ActiveKey, type AuthorityKeysNeeds, createAuthorityKeys } from './authority-keys.ts'
import { createRotate, rotationOf } from './authority-rotation.ts'
import { makeLeaf, newKeyPair, pemOf } from './certificate-templates.ts'

const DAY_MS = 24 * 60 * 60_000
const RENEW_CHECK_MS = 60_000
const IDENTITY_LIFE_MS = 2 * DAY_MS
/** Agents renew after two thirds of it. */
const AGENT_LIFE_MS = DAY_MS
/** Longer than a handshake takes, and than clocks of hubs differ. */
const PEER_LIFE_MS = 10 * 60_000

/** How long certificates are valid, in milliseconds. */
interface Lives {
  /** An agent's; default 24 h. */
  readonly agentLifeMs?: number
  /** The hub's own; default 2 days. It is renewed after half of that. */
  readonly identityLifeMs?: number
}

export interface RunningAuthorities extends Authorities, Pick<AuthorityAdministration, 'phaseOf' | 'rotate'> {
  /** Creates missing authorities and loads all of them. Call it once, after the migrations. */
  load(): Promise<void>
  /**
   * A new key and certificate with which the hub `id` connects to other hubs: EKU clientAuth, URI SAN
   * `mezite://<cluster>/hub/<id>`, signed by the hub CA. Valid for a handshake.
   */
  peerIdentity(id: string): Promise<{ readonly key: string; readonly certificate: string }>
  /** Stops the renewal of the hub's certificate. */
  close(): void
}

interface Identity {
  readonly key: string
  readonly cert: string
  readonly renewAt: number
  /** Id of the key of the hub CA that signed it. */
  readonly authority: string
}

/** The cluster's certificate authorities. Await `load()` before calling any other method. */
export function createAuthorities(
  rooms: AuthorityKeysNeeds & { readonly log: Log },
  { agentLifeMs = AGENT_LIFE_MS, identityLifeMs = IDENTITY_LIFE_MS }: Lives = {},
): RunningAuthorities {
  const { revisions, clusterName, clock, log } = rooms
  const stored = createAuthorityKeys(rooms)
  const { of, active } = stored
  let identity: Identity | null = null
  let making: Promise<unknown> | undefined
  let renewal: NodeJS.Timeout | undefined

  async function makeIdentity({ id, signer }: ActiveKey): Promise<Identity> {
    const keys = await newKeyPair()
    const now = clock.now()
    const name = hubName(clusterName)
    const leaf = await makeLeaf(signer, {
      publicKey: keys.publicKey,
      commonName: name,
      purpose: 'server',
      names: [{ type: 'dns', value: name }],
      notBefore: now,
      notAfter: now + identityLifeMs,
    })
    // The chain includes the authority, so that a client that knows only its pin can verify it.
    return {
      key: await pemOf(keys.privateKey),
      cert: `${leaf.toString('pem')}\n${signer.certificate}\n`,
      renewAt: now + identityLifeMs / 2,
      authority: id,
    }
  }

  async function renewIdentity(): Promise<Identity> {
    identity = await makeIdentity(active('hub-ca'))
    return identity
  }

  async function issue(
    name: AuthorityName,
    publicKey: PublicKeyType,
    leafOf: { cn: string; url: string; until: number },
  ): Promise<IssuedCertificate> {
    const { id, signer } = active(name)
    const leaf = await makeLeaf(signer, {
      publicKey,
      commonName: leafOf.cn,
      purpose: 'client',
      names: [{ type: 'url', value: leafOf.url }],
      notBefore: clock.now(),
      notAfter: leafOf.until,
    })
    const { serialNumber, notAfter } = leaf
    return {
      certificate: leaf.toString('pem'),
      notAfter: notAfter.getTime(),
      serial: serialNumber.toLowerCase(),
      authority: id,
    }
  }

  return {
    async load() {
      await stored.load()
      renewal ??= setInterval(
        () => {
          if (!identity || clock.now() < identity.renewAt) return
          renewIdentity().catch((error) =>
            log.error({ error: messageOf(error) }, 'failed to renew the hub certificate'),
          )
        },
        Math.min(RENEW_CHECK_MS, identityLifeMs / 4),
      ).unref()
    },
    rotate: createRotate({ revisions, makeKey: stored.makeKey, clock }),
    phaseOf: (name) => rotationOf(of(name)),
    close: () => clearInterval(renewal),
    bundle: (name) => of(name).map((each) => each.pem),
    pin: () =>
      of('hub-ca')
        .map((each) => each.pin)
        .join(','),
    keys: (name) =>
      of(name).map(({ id, state, pin, created, changed, expires }) => ({
        id,
        state,
        pin,
        created,
        changed,
        expires,
      })),
    issuerOf(name, certificate) {
      const issuer = of(name).find(
        (each) => certificate.checkIssued(each.certificate) && certificate.verify(each.certificate.publicKey),
      )
      return issuer?.id ?? null
    },
    trusts: (name, id) => of(name).some((each) => each.id === id),
    async hubIdentity() {
      if (identity?.authority !== active('hub-ca').id) {
        making ??= renewIdentity().finally(() => {
          making = undefined
        })
        await making
      }
      return { key: identity!.key, cert: identity!.cert }
    },
    async peerIdentity(hub) {
      const { publicKey, privateKey } = await newKeyPair()
      const url = `mezite://${clusterName}/hub/${hub}`
      const until = clock.now() + PEER_LIFE_MS
      const { certificate } = await issue('hub-ca', publicKey, { cn: hub, url, until })
      return { key: await pemOf(privateKey), certificate }
    },
    async issueAgent({ csr, hostname }) {
      const { publicKey } = await verifiedRequest(csr)
      const url = `mezite://${clusterName}/agent/${hostname}`
      return issue('agent-ca', publicKey, { cn: hostname, url, until: clock.now() + agentLifeMs })
    },
    async issueUser({ publicKey, user, sessionId, notAfter }) {
      const spki = publicKey.export({ type: 'spki', format: 'der' })
      const url = `mezite://${clusterName}/user/${encodeURIComponent(user)}?session=${encodeURIComponent(sessionId)}`
      const { PublicKey } = await loadX509()
      return issue('user-ca', new PublicKey(spki), { cn: user, url, until: notAfter })
    },
  }
}

const CSR_BYTES = 8 * 1024

/**
 * Reads a CSR and verifies that its sender has the key, which must be P-256. Ignores all requested attributes. Throws
 * `MEZ_CSR_INVALID`.
 */
async function verifiedRequest(pem: string): Promise<Pkcs10CertificateRequest> {
  const refuse = (what: string, cause?: unknown) =>
    new MezError('MEZ_CSR_INVALID', `the certificate request ${what}`, { cause })
  if (pem.length > CSR_BYTES) throw refuse('is too long')
  const x509 = await loadX509()
  let request: Pkcs10CertificateRequest
  let verified: boolean
  try {
    request = new x509.Pkcs10CertificateRequest(pem)
    const { name, namedCurve } = request.publicKey.algorithm as EcKeyAlgorithm
    if (name !== 'ECDSA' || namedCurve !== 'P-256') throw refuse('does not have a P-256 key')
    verified = await request.verify()
  } catch (error) {
    throw error instanceof MezError ? error : refuse('cannot be read', error)
  }
  if (!verified) throw refuse('is not signed by its own key')
  return request
}
