import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { ActionError, useAction } from './dialogs.tsx'
import { Section, State, Table } from './parts.tsx'
import { a } from './text.ts'

type Report = Responses['POST /connectors/test']

/** The test of a provider that is saved. */
export const TestConnector = ({ name }: { readonly name: string }) => (
  <ProviderTest
    help={a('testConnectorHelp')}
    run={() => call<Report>('POST', `/connectors/${encodeURIComponent(name)}/test`)}
    signIn={() => `/web/oidc/test/${encodeURIComponent(name)}`}
  />
)

/** The test of a document that is not saved: the last step of its form. Another text needs another test. */
export const TestDraft = ({ document }: { readonly document: object | null }) => (
  <ProviderTest
    help={a('testDraftHelp')}
    run={document && (() => call<Report>('POST', '/connectors/test?sign_in=true', document))}
    signIn={(report) => report?.sign_in_test_uri}
  />
)

/** The link opens a tab where popups are blocked. */
function openPopup(event: { readonly currentTarget: HTMLAnchorElement; preventDefault(): void }): void {
  const { href, target } = event.currentTarget
  if (open(href, target, 'popup,width=560,height=760') !== null) event.preventDefault()
}

function ProviderTest(props: {
  readonly help: string
  /** Null: there is nothing to test yet. */
  readonly run: (() => Promise<Report>) | null
  /** Where an administrator signs in for a test. */
  signIn(report: Report | null): string | undefined
}) {
  const { help, run } = props
  const [report, setReport] = useState<Report | null>(null)
  const action = useAction()
  const signIn = props.signIn(report)
  return (
    <Section title={a('testConnector')}>
      <p class="quiet">{help}</p>
      <div class="actions">
        <button
          type="button"
          class="plain"
          disabled={action.busy || run === null}
          onClick={() => void action.run(async () => setReport((await run?.()) ?? null))}
        >
          {action.busy ? a('testing') : a('test')}
        </button>
        {signIn !== undefined && (
          <a class="button plain" href={signIn} target="mezite-sign-in-test" onClick={openPopup}>
            {a('testSignIn')}
          </a>
        )}
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
