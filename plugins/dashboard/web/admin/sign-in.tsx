import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { RemoveButton } from './dialogs.tsx'
import { DocumentEditor } from './document-editor.tsx'
import { LocalListing } from './local-listing.tsx'
import { Copyable, Facts, Gone, Nothing, PageHead, Section, Shown, Table } from './parts.tsx'
import { AddProvider } from './provider-presets.tsx'
import { TestConnector } from './provider-test.tsx'
import { Needs } from './rights.tsx'
import { BASE, place, to } from './router.ts'
import { a } from './text.ts'

type Connector = Responses['GET /connectors'][number]

/** All connectors, or one. */
export function SignIn({ name }: { readonly name: string }) {
  const connectors = useResource<readonly Connector[]>('/connectors', ['connector'])
  if (name === '+') return <AddProvider />
  if (name !== '')
    return (
      <Shown of={connectors}>
        {(all) => <One connector={all.find(({ metadata }) => metadata.name === name)} />}
      </Shown>
    )
  return (
    <>
      <PageHead title={a('signIn')} help={a('signInHelp')}>
        <Needs right="connector.update">
          <a class="button" href={to('sign-in', '+')}>
            {a('addConnector')}
          </a>
        </Needs>
      </PageHead>
      <Shown of={connectors}>
        {(rows) => (
          <LocalListing
            label={a('signIn')}
            file="connectors.csv"
            rows={rows}
            keyOf={({ metadata }) => metadata.name}
            columns={[
              {
                title: a('name'),
                value: ({ metadata }) => metadata.name,
                cell: ({ metadata }) => <a href={to('sign-in', metadata.name)}>{metadata.name}</a>,
              },
              {
                title: a('description'),
                value: ({ metadata }) => metadata.description ?? '',
                cell: ({ metadata }) => metadata.description ?? '–',
              },
              {
                title: a('issuer'),
                value: ({ spec }) => spec.issuer_url,
                cell: ({ spec }) => <code>{spec.issuer_url}</code>,
              },
              {
                title: a('client'),
                value: ({ spec }) => spec.client_id,
                cell: ({ spec }) => spec.client_id,
              },
            ]}
            empty={<Nothing title={a('noConnectors')} help={a('noConnectorsHelp')} />}
          />
        )}
      </Shown>
    </>
  )
}

function One({ connector }: { readonly connector: Connector | undefined }) {
  if (!connector) return <Gone />
  const { metadata, spec, status, kind, version } = connector
  const { name } = metadata
  if (place.value.query.has('edit'))
    return (
      <DocumentEditor
        kind="oidc"
        path="connectors"
        document={{ kind, version, metadata, spec }}
        tag={status?.etag ?? ''}
        back="sign-in"
      />
    )
  return (
    <>
      <PageHead title={name} help={metadata.description ?? ''} back={[`${BASE}/sign-in`, a('signIn')]}>
        <Needs right="connector.update">
          <a class="button plain" href={`${to('sign-in', name)}?edit`}>
            {a('edit')}
          </a>
        </Needs>
        <RemoveButton
          right="connector.delete"
          name={name}
          title={a('removeConnector', { name })}
          help={a('removeConnectorHelp')}
          path={`/connectors/${encodeURIComponent(name)}`}
          list="/sign-in"
        />
      </PageHead>
      <div class="panel">
        <Facts
          rows={[
            [a('issuer'), <code key="issuer">{spec.issuer_url}</code>],
            [a('client'), spec.client_id],
            [a('redirectUri'), <Copyable key="redirect" text={status?.redirect_uri ?? ''} />],
          ]}
        />
      </div>
      <TestConnector name={name} />
      <Section title={a('rolesFromClaims')}>
        <Table
          label={a('rolesFromClaims')}
          rows={spec.claims_to_roles ?? []}
          keyOf={(rule) => JSON.stringify(rule)}
          columns={[
            { title: a('claim'), cell: ({ claim }) => claim },
            { title: a('value'), cell: ({ value }) => <code>{value}</code> },
            { title: a('roles'), cell: ({ roles }) => roles.join(', ') },
          ]}
          empty={<Nothing title={a('noClaims')} />}
        />
      </Section>
    </>
  )
}
