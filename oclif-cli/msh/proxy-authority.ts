import { createSecureContext, type SecureContext } from 'node:tls'
import type { ProxyCertificates } from './local-proxy.ts'

/** The certificate authority of one run of the local proxy. */
export interface ProxyAuthority extends ProxyCertificates {
  /** Its certificate, for programs that use the proxy. */
  readonly pem: string
}

/**
 * Creates an authority whose key stays in the memory of this process. Its certificates count for these hosts and names
 * below them alone: a program that trusts it trusts it for no other site, and nobody can issue more once msh has ended.
 */
export async function createProxyAuthority(hosts: readonly string[]): Promise<ProxyAuthority> {
  const { createRoot, issueLeaf } = await import('@mezite/plugin-local-authority/authority')
  const root = await createRoot(hosts, Date.now())
  const contexts = new Map<string, Promise<SecureContext>>()

  async function issue(host: string): Promise<SecureContext> {
    const { cert, key } = await issueLeaf(root, [host], Date.now())
    return createSecureContext({ cert, key, minVersion: 'TLSv1.2' })
  }
  return {
    pem: root.cert,
    async contextFor(host) {
      if (!hosts.includes(host)) return null
      const context = contexts.get(host) ?? issue(host)
      contexts.set(host, context)
      return context
    },
  }
}
