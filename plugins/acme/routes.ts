import { type certificates, resourceRoutes, type SlotRef, Type, type WebRoutes } from '@mezite/core'
import { audited, waiting } from './attempts.ts'
import { checkedChain, issuerOf, namesOf } from './chain-check.ts'
import { problemFor } from './reasons.ts'
import { stateOf } from './source.ts'
import type { Certificate, Store } from './store.ts'

type CertificateSource = typeof certificates extends SlotRef<infer T> ? T : never
type CertificateState = ReturnType<CertificateSource['states']>[number]

const Listed = Type.Object({
  name: Type.String(),
  names: Type.Array(Type.String()),
  issuer: Type.Nullable(Type.String()),
  not_after: Type.Nullable(Type.String()),
  state: Type.String({ description: 'valid, ordering, failing or imported' }),
  last_error: Type.Nullable(Type.String()),
  next_attempt: Type.Nullable(Type.String({ description: 'When it is ordered, renewed or tried again' })),
  hub: Type.Nullable(Type.String({ description: 'The machine that ordered it' })),
})
const Import = Type.Closed({
  cert: Type.String({ maxLength: 100_000, description: 'PEM: the certificate, then its chain' }),
  key: Type.String({ maxLength: 20_000, description: 'PEM' }),
})
const timeOf = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
const NAME = /^[a-z0-9*][a-z0-9.-]{0,252}$/

/** One certificate as the API shows it: never its key. */
export const shown = (one: Certificate) => ({
  name: one.name,
  names: one.names,
  issuer: one.leaf && issuerOf(one.leaf),
  not_after: timeOf(one.leaf?.validToDate.getTime() ?? null),
  state: stateOf(one),
  last_error: one.lastError,
  next_attempt: one.imported ? null : timeOf(one.nextAttempt ?? one.renewAt),
  hub: one.hub,
})

/** One certificate that the plugin neither orders nor keeps. */
const shownOther = ({ subject: name, names, expires, problem }: CertificateState) => ({
  ...{ name, names: [...names], issuer: null, not_after: timeOf(expires) },
  ...{ state: problem === null ? 'valid' : 'failing', last_error: problem, next_attempt: null, hub: null },
})

const unknown = (name: string) =>
  problemFor('certificate_not_found', `There is no certificate ${name}. mezctl certs ls lists them.`)

/** What changes of certificates need. */
export interface CertificateChanges {
  readonly store: Store
  readonly now: () => number
  /** Whether the hub serves the host. */
  readonly covers: (host: string) => boolean
  readonly runSoon: () => void
}

/**
 * `/v1/webapi/certificates`: also those of files and of other plugins. `served` are all that the hub serves or waits for; `changes` is null
 * if the plugin is inactive.
 */
export function certificateRoutes(
  served: () => readonly CertificateState[],
  changes: CertificateChanges | null,
): WebRoutes {
  const rows = () => {
    const own = changes?.store.certificates ?? new Map<string, Certificate>()
    const others = served().filter(({ subject }) => !own.has(subject))
    const listed = [...[...own.values()].map(shown), ...others.map(shownOther)]
    return listed.sort((a, b) => (a.name < b.name ? -1 : 1))
  }
  const view = {
    ...{ name: 'certificate', collection: 'certificates', key: 'name', form: { flat: Listed } },
    missing: unknown,
    search: ({ name, names, issuer, state }: ReturnType<typeof shown>) => [
      ...[name, ...names, issuer ?? ''],
      `state:${state}`,
    ],
    sorts: {
      name: ({ name }: ReturnType<typeof shown>) => name,
      not_after: ({ not_after }: ReturnType<typeof shown>) => not_after,
    },
    list: { summary: 'All certificates that the hub serves', rows },
    get: { find: (name: string) => rows().find((one) => one.name === name) },
  }
  if (changes === null) return resourceRoutes(view)
  const { store, now, covers, runSoon } = changes
  const known = (name: string, found = store.certificates.get(name) ?? null): Certificate => {
    if (found) return found
    if (!served().some(({ subject }) => subject === name)) throw unknown(name)
    const message = `The certificate ${name} is from files or another plugin. Replace it there.`
    throw problemFor('certificate_elsewhere', message)
  }
  async function renew(name: string, actor: Parameters<Store['write']>[1]) {
    const { imported } = known(name)
    if (imported) {
      const message = `The certificate ${name} was imported. Import its successor, or remove it.`
      throw problemFor('certificate_imported', message)
    }
    await store.write(async (to) => {
      const one = known(name, await to.certificate(name))
      const renewAt = one.served ? now() : null
      await to.put({ ...one, renewAt, nextAttempt: null, lastError: null })
      await to.change.audit({
        type: 'cert.renewal_requested',
        success: true,
        by: actor ?? null,
        fields: audited(one),
      })
    }, actor)
    runSoon()
    return shown(known(name))
  }
  return resourceRoutes(view, (on) => {
    const access = 'certificate.update'
    const order = { access, summary: 'Orders the certificate now', returns: Listed } as const
    on('POST /:name/renew', order, (name, { actor }) => renew(name, actor))
    const body = Type.Closed({ name: Type.String() })
    const orderOne = {
      access,
      summary: 'Orders one certificate now, by name',
      body,
      returns: Listed,
    } as const
    on('POST /renew', orderOne, (_, { body: { name }, actor }) => renew(name, actor))
    const drop = {
      access: 'certificate.delete',
      summary: 'Drops the certificate; one that is still needed is ordered again',
    } as const
    on('DELETE /:name', drop, async (key, { actor }) => {
      const { name } = known(key)
      await store.write(async (to) => {
        const one = known(name, await to.certificate(name))
        await to.hide(name)
        await to.remove(name)
        await to.change.audit({ type: 'cert.removed', success: true, by: actor, fields: audited(one) })
      }, actor)
      runSoon()
      return undefined
    })
    const summary = 'Imports a certificate, which is served and not renewed'
    on('PUT /:name', { access, summary, body: Import, returns: Listed }, async (name, { body, actor }) => {
      if (!NAME.test(name)) throw problemFor('certificate_invalid', `"${name}" is not a valid name.`)
      const { cert, leaf, key } = readImport(body, now())
      const names = namesOf(leaf)
      if (!names.some((one) => covers(one.replace('*', 'any')))) {
        const message = `The certificate names ${names.join(', ') || 'nothing'}, which this hub does not serve.`
        throw problemFor('certificate_invalid', message)
      }
      await store.write(async (to) => {
        await to.hide(name)
        await to.put({ ...waiting(name, names), imported: true, served: { cert, key } })
        const fields = {
          ...audited({ name, names }),
          issuer: issuerOf(leaf),
          not_after: leaf.validToDate.toISOString(),
        }
        await to.change.audit({ type: 'cert.imported', success: true, by: actor, fields })
      }, actor)
      runSoon()
      return shown(known(name))
    })
  })
}

function readImport({ cert, key }: { readonly cert: string; readonly key: string }, now: number) {
  try {
    return { ...checkedChain(cert, { key, now }), key }
  } catch (error) {
    // The message of OpenSSL may quote the key.
    const said =
      error instanceof Error && !('code' in error) ? error.message : 'certificate or key is not valid PEM'
    throw problemFor('certificate_invalid', `The certificate cannot be used: ${said}.`)
  }
}
