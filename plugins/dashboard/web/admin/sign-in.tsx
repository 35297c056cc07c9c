import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { ActionError, RemoveButton, useAction } from './dialogs.tsx'
import { DocumentEditor } from './document-editor.tsx'
import { LocalListing } from './local-listing.tsx'
import { Copyable, Facts, Gone, Nothing, PageHead, Section, Shown, State, Table } from './parts.tsx'
import { AddProvider } from './provider-presets.tsx'
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
        <a class="button" href={to('sign-in', '+')}>
          {a('addConnector')}
        </a>
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
        <a class="button plain" href={`${to('sign-in', name)}?edit`}>
          {a('edit')}
        </a>
        <RemoveButton
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

/** The link opens a tab where popups are blocked. */
function openPopup(event: { readonly currentTarget: HTMLAnchorElement; preventDefault(): void }): void {
  const { href, target } = event.currentTarget
  if (open(href, target, 'popup,width=560,height=760') !== null) event.preventDefault()
}

function TestConnector({ name }: { readonly name: string }) {
  const [report, setReport] = useState<Responses['POST /connectors/{name}/test'] | null>(null)
  const action = useAction()
  const signInTest = `/web/oidc/test/${encodeURIComponent(name)}`
  const run = () =>
    action.run(async () => setReport(await call('POST', `/connectors/${encodeURIComponent(name)}/test`)))
  return (
    <Section title={a('testConnector')}>
      <p class="quiet">{a('testConnectorHelp')}</p>
      <div class="actions">
        <button type="button" class="plain" disabled={action.busy} onClick={() => void run()}>
          {action.busy ? a('testing') : a('test')}
        </button>
        <a class="button plain" href={signInTest} target="mezite-sign-in-test" onClick={openPopup}>
          {a('testSignIn')}
        </a>
      </div>
      <ActionError error={action.error} />
      <div role="status">
        {report && (
          <Table
            label={a('testConnector')}
            rows={report.checks}
            keyOf={(check) => check.name}
            columns={[
              { title: a('check'), cell: (check) => check.name },
              { title: a('result'), cell: ({ result }) => <State of={result} /> },
              { title: a('detail'), cell: ({ detail }) => detail },
            ]}
            empty={null}
          />
        )}
      </div>
    </Section>
  )
}
