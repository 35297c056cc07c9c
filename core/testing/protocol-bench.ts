import { FakeIssuer } from './fake-issuer.ts'
import { connectIssuer } from './program-login.ts'
import { createTestAgent, type TestAgent } from './test-agent.ts'
import { createTestHub, type PluginUnderTest, type TestHub } from './test-hub.ts'
import type { Visitor } from './visitor.ts'

/** Opens the apps of the suite. */
export const ROLE = 'reaches'

/** A hub with an agent, and people who sign in at a provider. */
export interface ProtocolBench {
  readonly hub: TestHub
  readonly agent: TestAgent
  /** The provider of the connector `sso`. */
  readonly issuer: FakeIssuer
  /** Several suites use it: the last test of a suite leaves it running. */
  readonly shared?: boolean
  /** A new browser in which a person with these roles is signed in; `reaches` opens the apps of the suite. */
  person(name: string, roles: readonly string[]): Promise<Visitor>
  close(): Promise<void>
}

/** Starts a hub, an agent and a provider for `conformProtocol`. */
export async function openProtocolBench(
  plugins: readonly PluginUnderTest[] = [],
  agentPlugins: readonly PluginUnderTest[] = [],
): Promise<ProtocolBench> {
  const issuer = await FakeIssuer.start()
  const hub = await createTestHub({ plugins })
  const agent = await createTestAgent(hub, { plugins: agentPlugins })
  const nothing = { allow: { app_labels: { conform: 'nothing' } } }
  await connectIssuer(hub, issuer, {
    [ROLE]: { allow: { app_labels: { conform: 'yes' } } },
    stranger: nothing,
  })
  // The provider signs in one person at a time.
  let signingIn: Promise<unknown> = Promise.resolve()
  const signIn = async (name: string, groups: readonly string[]) => {
    issuer.person = { sub: name, email: `${name}@example.com`, email_verified: true, groups }
    const visitor = hub.visitor()
    await visitor.open(`${hub.signInUrl}/web/login?connector=sso`)
    return visitor
  }
  return {
    hub,
    agent,
    issuer,
    person(name, groups) {
      const visitor = signingIn.then(() => signIn(name, groups))
      signingIn = visitor.catch(() => {})
      return visitor
    },
    async close() {
      await agent.stop()
      await hub.stop()
      await issuer.close()
    },
  }
}
