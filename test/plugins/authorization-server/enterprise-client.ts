import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { testCertificate } from '@mezite/core/testing'
import { SignJWT } from 'jose'

export const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
export const seconds = () => Math.floor(Date.now() / 1_000)

/** A program that publishes its metadata and proves itself by a key of its own; `/public` publishes one without a key. */
export async function startClient(t: { teardown(fn: () => unknown): void }) {
  const certificate = await testCertificate(['localhost'])
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = { ...pair.publicKey.export({ format: 'jwk' }), kid: 'client', alg: 'ES256', use: 'sig' }
  const fetched: string[] = []
  const publisher = createServer({ key: certificate.key, cert: certificate.cert }, (request, response) => {
    const path = request.url ?? ''
    fetched.push(path)
    response.setHeader('content-type', 'application/json')
    if (path === '/keys') return void response.end(JSON.stringify({ keys: [jwk] }))
    const proof =
      path === '/public'
        ? { token_endpoint_auth_method: 'none' }
        : { token_endpoint_auth_method: 'private_key_jwt', jwks_uri: `${origin}/keys` }
    const redirects = { redirect_uris: ['http://127.0.0.1:4711/callback'] }
    response.end(JSON.stringify({ client_id: origin + path, client_name: 'Agent', ...redirects, ...proof }))
  })
  await new Promise<void>((resolve) => publisher.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    publisher.closeAllConnections()
    publisher.close()
  })
  const { port } = publisher.address() as AddressInfo
  const origin = `https://localhost:${port}`
  return {
    port,
    fetched,
    ca: certificate.ca,
    id: `${origin}/agent`,
    /** Named by nobody. */
    otherId: `${origin}/other`,
    publicId: `${origin}/public`,
    pem: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
    /** By which the program proves itself in a token request. */
    proof: async (audience: string, id = `${origin}/agent`) => ({
      client_id: id,
      client_assertion_type: ASSERTION,
      client_assertion: await new SignJWT({
        iss: id,
        sub: id,
        aud: audience,
        iat: seconds(),
        exp: seconds() + 60,
        jti: randomUUID(),
      })
        .setProtectedHeader({ alg: 'ES256', kid: 'client' })
        .sign(pair.privateKey),
    }),
  }
}
