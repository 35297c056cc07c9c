import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { Copyable, Facts, Nothing, PageHead, Section, Shown, Table, Time } from './parts.tsx'
import { BASE, to } from './router.ts'
import { a, said } from './text.ts'

type Status = Responses['GET /status']
type Attention = NonNullable<Status['attention']>[number]

const linkOf = ({ kind, subject }: Attention): string =>
  kind === 'agent' ? to('agents', subject) : kind === 'app' ? to('apps', subject) : `${BASE}/cluster`

/** What an operator should look at. */
function AttentionList({ items }: { readonly items: readonly Attention[] }) {
  if (items.length === 0) return <p class="notice good">{a('allWell')}</p>
  return (
    <ul class="attention">
      {items.map((item) => (
        <li key={`${item.kind} ${item.subject} ${item.message}`}>
          <a href={linkOf(item)}>{item.subject}</a>
          <span>{said(item.message)}</span>
          <span class="tag warn">{said(item.kind)}</span>
        </li>
      ))}
    </ul>
  )
}

/** What a plugin declares about bytes of callers that nobody has identified. */
const postureOf = ({ reads_strangers: reads, fuzzed }: NonNullable<Status['plugins']>[number]) =>
  reads === null ? 'notDeclared' : !reads ? 'readsNone' : fuzzed === true ? 'readsFuzzed' : 'readsUnfuzzed'

/** Hubs, plugins, certificates, database and queues. */
export function Cluster() {
  const status = useResource<Status>('/status?plugins=1', ['agent', 'app', 'key', 'hub'])
  return (
    <>
      <PageHead title={a('cluster')} help={a('clusterHelp')} />
      <Shown of={status}>
        {({ cluster, version, hubs, attention, certificates, database, audit, plugins }) => (
          <>
            <AttentionList items={attention ?? []} />
            <div class="panel">
              <Facts
                rows={[
                  [a('name'), cluster],
                  [a('version'), version],
                  [
                    a('database'),
                    database && `${database.driver}, ${a('viewAge', { ms: database.view_age_ms })}`,
                  ],
                ]}
              />
            </div>
            <Section title={a('hubs')}>
              <Table
                label={a('hubs')}
                rows={hubs ?? []}
                keyOf={({ id }) => id}
                columns={[
                  { title: a('id'), cell: ({ id }) => <Copyable text={id} short /> },
                  { title: a('version'), cell: (hub) => hub.version },
                  { title: a('since'), cell: ({ since }) => <Time at={since} /> },
                ]}
                empty={<Nothing title={a('noHubs')} />}
              />
            </Section>
            <Section title={a('certificates')}>
              <Table
                label={a('certificates')}
                rows={certificates ?? []}
                keyOf={({ subject, expires }) => subject + expires}
                columns={[
                  { title: a('name'), cell: ({ subject }) => subject },
                  { title: a('ends'), cell: ({ expires }) => <Time at={expires} /> },
                ]}
                empty={<Nothing title={a('noCertificates')} />}
              />
            </Section>
            <Section title={a('auditSinks')}>
              <Table
                label={a('auditSinks')}
                rows={audit ?? []}
                keyOf={({ name }) => name}
                columns={[
                  { title: a('name'), cell: ({ name }) => name },
                  { title: a('queued'), number: true, cell: ({ queued }) => queued },
                  { title: a('dropped'), number: true, cell: ({ dropped }) => dropped },
                  { title: a('failures'), number: true, cell: ({ failures }) => failures },
                ]}
                empty={<Nothing title={a('noSinks')} />}
              />
            </Section>
            <Section title={a('plugins')}>
              <Table
                label={a('plugins')}
                rows={plugins ?? []}
                keyOf={({ name }) => name}
                columns={[
                  { title: a('name'), cell: ({ name }) => name },
                  { title: a('summary'), cell: ({ summary }) => said(summary) },
                  { title: a('version'), cell: (plugin) => plugin.version ?? '–' },
                  { title: a('status'), cell: ({ status }) => (status ? said(status) : a('notDeclared')) },
                  { title: a('strangers'), cell: (plugin) => a(postureOf(plugin)) },
                ]}
                empty={null}
              />
            </Section>
          </>
        )}
      </Shown>
    </>
  )
}
