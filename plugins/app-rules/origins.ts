import { Type } from '@mezite/core'
import { createNetworks, isNetwork, type Networks } from '@mezite/core/identity'
import type { RoleReader, RoleRule } from '@mezite/core/types'

/** Addresses from which a role allows its apps. */
export type Origin = Pick<Networks, 'has'>

/** A member of `allow` that says from where a role allows its apps: elsewhere the role allows nothing, and others may. */
export interface OriginRule {
  readonly rule: RoleRule
  /** By role; a role that is not in it allows from everywhere. */
  all(): ReadonlyMap<string, Origin>
}

/** `allow.client_networks`. */
export const createNetworkRule = (): OriginRule =>
  createOriginRule<{ readonly networks: readonly string[] }>(
    {
      name: 'client_networks',
      description: 'Addresses from which the role allows its apps. Without it: all',
      members: {
        networks: Type.Array(Type.String({ maxLength: 64 }), {
          minItems: 1,
          maxItems: 1_000,
          description: '203.0.113.7, 10.0.0.0/8, 2001:db8::/32',
        }),
      },
      faults: ({ networks }) =>
        (networks as readonly string[]).flatMap((text, at) =>
          isNetwork(text)
            ? []
            : [{ path: ['networks', String(at)], message: 'is not an address or network' }],
        ),
    },
    ({ networks }) => createNetworks(networks),
  )

/** `allow.countries`. `countryOf` is the country of an address; null: it is not known, and no role with countries allows from there. */
export const createCountryRule = (countryOf: (address: string) => string | null): OriginRule =>
  createOriginRule<{ readonly codes: readonly string[] }>(
    {
      name: 'countries',
      description:
        'Countries from which the role allows its apps, by the database of the plugin app-rules. Without it: all',
      members: {
        codes: Type.Array(Type.String({ pattern: '^[A-Z]{2}$' }), {
          minItems: 1,
          maxItems: 250,
          description: 'ISO 3166-1: DE, AT, CH',
        }),
      },
    },
    ({ codes }) => {
      const known = new Set(codes)
      return {
        has(address) {
          const country = countryOf(address)
          return country !== null && known.has(country)
        },
      }
    },
  )

function createOriginRule<Value>(
  rule: Omit<RoleRule, 'attach'>,
  compile: (value: Value) => Origin,
): OriginRule {
  let reader: RoleReader | undefined
  /** By the value in the document, which a change replaces. */
  const compiled = new WeakMap<object, Origin>()
  return {
    rule: {
      ...rule,
      attach(roles) {
        reader = roles
      },
    },
    all: () =>
      new Map(
        (reader?.ruled(rule.name) ?? []).map(({ role, value }) => {
          const known = compiled.get(value) ?? compile(value as Value)
          compiled.set(value, known)
          return [role, known]
        }),
      ),
  }
}
