import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type { FakeIssuer } from './fake-issuer.ts'
import type { TestHub } from './test-hub.ts'
import type { Answer, Visitor } from './visitor.ts'

/** The public key as the hub takes it. */
export const publicPem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string

/** Registers roles and the connector `sso` for a `FakeIssuer`, whose groups become roles of the same name. */
export async function connectIssuer(
  hub: TestHub,
  issuer: FakeIssuer,
  roles: Readonly<Record<string, object>>,
): Promise<void> {
  for (const [name, spec] of Object.entries(roles)) {
    await hub.api('PUT', `/roles/${name}`, { kind: 'role', version: 'v1', metadata: { name }, spec })
  }
  await hub.api('PUT', '/connectors/sso', {
    kind: 'oidc',
    version: 'v1',
    metadata: { name: 'sso' },
    spec: {
      ...issuer.spec,
      scopes: ['openid', 'email', 'groups'],
      claims_to_roles: Object.keys(roles).map((name) => ({ claim: 'groups', value: name, roles: [name] })),
    },
  })
}

interface Proof {
  readonly code: string
  readonly verifier: string
}

/** Allows msh to sign in, in a browser without a redirect to this machine, and reads the code. */
export async function allowCommandLine(hub: Pick<TestHub, 'url'>, visitor: Visitor): Promise<Proof> {
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const page = await visitor.open(
    `${hub.url}/web/cli?challenge=${challenge}&no_browser=1&host=laptop&program=msh`,
  )
  const shown = await visitor.submit(page, /\/web\/cli/)
  const [, code] = /class="code">([\w-]+)</.exec(shown.text) ?? []
  if (code === undefined) throw new Error(`no code: ${shown.status} ${shown.text.slice(0, 400)}`)
  return { code, verifier }
}

/** The response of the hub to a program that has signed in. */
type IssuedCertificate = {
  readonly certificate: string
  readonly hub_ca: string
  readonly user: string
  readonly roles: readonly string[]
  readonly cluster: string
  readonly expires: string
  readonly session_id: string
  readonly token: string
}

/** A certificate with its private key, PKCS #8 PEM. */
export type ProgramLogin = IssuedCertificate & { readonly key: string }

/** Exchanges a code and a public key for a certificate. */
export function requestCertificate(
  hub: Pick<TestHub, 'url'>,
  visitor: Visitor,
  body: object,
): Promise<Answer> {
  return visitor.fetch(`${hub.url}/v1/webapi/user-certs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

/** A login as msh does it: key, browser, certificate. `visitor` is the browser, which may be signed in already. */
export async function programLogin(
  hub: Pick<TestHub, 'url' | 'visitor'>,
  more: object = {},
  visitor: Visitor = hub.visitor(),
): Promise<ProgramLogin> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const proof = await allowCommandLine(hub, visitor)
  const response = await requestCertificate(hub, hub.visitor(), {
    ...proof,
    public_key: publicPem(publicKey),
    ...more,
  })
  if (response.status !== 200) throw new Error(`${response.status} ${response.text}`)
  return { ...JSON.parse(response.text), key: privateKey.export({ type: 'pkcs8', format: 'pem' }) }
}
