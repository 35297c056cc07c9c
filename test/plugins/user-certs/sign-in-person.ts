import { createHash, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto'
import type { Answer, FakeIssuer, TestHub, Visitor } from '../../../core/testing/index.ts'

export const publicPem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string

/** Registers the provider, roles by group, and one role for each name of `roles`. */
export async function addProvider(
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

export interface Proof {
  readonly code: string
  readonly verifier: string
}

/** What a person does for msh in any browser: signs in, reads who asks, says yes, and reads the code. */
export async function allowCommandLine(hub: Pick<TestHub, 'url'>, visitor: Visitor): Promise<Proof> {
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const page = await visitor.open(
    `${hub.url}/web/cli?challenge=${challenge}&no_browser=1&host=laptop&program=msh`,
  )
  const said = await visitor.submit(page, /\/web\/cli/)
  const [, code] = /class="code">([\w-]+)</.exec(said.text) ?? []
  if (code === undefined) throw new Error(`no code: ${said.status} ${said.text.slice(0, 400)}`)
  return { code, verifier }
}

export interface Issued {
  readonly certificate: string
  readonly hub_ca: string
  readonly user: string
  readonly roles: readonly string[]
  readonly cluster: string
  readonly expires: string
  readonly session_id: string
  readonly token: string
}

export function askCertificate(hub: Pick<TestHub, 'url'>, visitor: Visitor, body: object): Promise<Answer> {
  return visitor.fetch(`${hub.url}/v1/webapi/user-certs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
}

/** A whole `msh login`: key, browser, certificate. The visitor is the browser, which may be signed in already. */
export async function login(
  hub: Pick<TestHub, 'url' | 'visitor'>,
  more: object = {},
  visitor: Visitor = hub.visitor(),
): Promise<Issued & { readonly key: string }> {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const proof = await allowCommandLine(hub, visitor)
  const answer = await askCertificate(hub, hub.visitor(), {
    ...proof,
    public_key: publicPem(publicKey),
    ...more,
  })
  if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
  return { ...JSON.parse(answer.text), key: privateKey.export({ type: 'pkcs8', format: 'pem' }) }
}
