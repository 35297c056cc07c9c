import { Type } from '@mezite/core'
import { createNetworks, isNetwork, type Networks } from '@mezite/core/identity'
import type { RoleReader, RoleRule } from '@mezite/core/types'

/** The member of roles. */
export const NETWORKS = 'client_networks'

interface NetworksValue {
  readonly networks: readonly string[]
}

/** From where roles allow their apps. */
export interface RoleNetworks {
  readonly rule: RoleRule
  /** By role; a role that is not in it allows from everywhere. */
  all(): ReadonlyMap<string, Networks>
}

/** `allow.client_networks` of roles: elsewhere the role allows nothing, and others may. */
export function createRoleNetworks(): RoleNetworks {
  let reader: RoleReader | undefined
  /** By the value in the document, which a change replaces. */
  const compiled = new WeakMap<object, Networks>()
  return {
    rule: {
      name: NETWORKS,
      description: 'Addresses from which the role allows its apps. Without it: all',
      members: {
        networks: Type.Array(Type.String({ maxLength: 64 }), {
          minItems: 1,
          maxItems: 1_000,
          description: '203.0.113.7, 10.0.0.0/8, 2001:db8::/32',
        }),
      },
      faults: (value) =>
        (value as unknown as NetworksValue).networks.flatMap((text, at) =>
          isNetwork(text)
            ? []
            : [{ path: ['networks', String(at)], message: 'is not an address or network' }],
        ),
      attach(roles) {
        reader = roles
      },
    },
    all: () =>
      new Map(
        (reader?.ruled(NETWORKS) ?? []).map(({ role, value }) => {
          const known = compiled.get(value) ?? createNetworks((value as never as NetworksValue).networks)
          compiled.set(value, known)
          return [role, known]
        }),
      ),
  }
}
