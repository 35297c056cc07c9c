import type { Catalog } from '@mezite/core'
import type { AppClients } from './app-clients.ts'
import { consentOf } from './consent.ts'
import type { OperatorClients } from './operator-clients.ts'
import type { Records } from './records.ts'

/** A program that people let in, or the client of an app. */
export interface ListedProgram {
  readonly client_id: string
  readonly name: string
  /** Made for an app, made by an operator, registered by itself, or known by metadata that it publishes at its client ID. */
  readonly kind: 'app' | 'operator' | 'registered' | 'metadata'
  /** How many people let it in now. */
  readonly people: number
  readonly created: string | null
}

/** All programs: those of apps, those of operators, those that registered, then those that somebody let in by their metadata. */
export async function listPrograms(deps: {
  readonly records: Pick<Records, 'list'>
  readonly appClients: Pick<AppClients, 'of' | 'appOf'>
  readonly operatorClients: Pick<OperatorClients, 'list'>
  readonly catalog: Pick<Catalog, 'list'>
}): Promise<readonly ListedProgram[]> {
  const { records, appClients, operatorClients, catalog } = deps
  const users = new Map<string, Set<string>>()
  const names = new Map<string, string>()
  for (const grant of await records.list('Grant')) {
    const consent = consentOf(grant)
    if (!consent || grant.client_id === null) continue
    users.set(grant.client_id, (users.get(grant.client_id) ?? new Set()).add(consent.user))
    names.set(grant.client_id, consent.program)
  }
  const registered = await records.list('Client')
  const made = operatorClients.list()
  const known = new Set([
    ...registered.map(({ client_id }) => client_id),
    ...made.map(({ clientId }) => clientId),
  ])
  const listed = (
    client_id: string,
    name: string,
    kind: ListedProgram['kind'],
    created: number | null,
  ): ListedProgram => ({
    client_id,
    name,
    kind,
    people: users.get(client_id)?.size ?? 0,
    created: created === null ? null : new Date(Number(created)).toISOString(),
  })
  return [
    ...catalog.list().flatMap((app) => {
      const client = appClients.of(app)
      return client ? [listed(client.clientId, app.name, 'app', client.created)] : []
    }),
    ...made.map(({ clientId, name, created }) => listed(clientId, name, 'operator', created)),
    ...registered.map(({ client_id, payload, created }) => {
      const { client_name: name } = JSON.parse(payload) as { client_name?: unknown }
      return listed(client_id ?? '', String(name ?? ''), 'registered', created)
    }),
    ...[...names].flatMap(([id, name]) =>
      known.has(id) || appClients.appOf(id) !== undefined ? [] : [listed(id, name, 'metadata', null)],
    ),
  ]
}
