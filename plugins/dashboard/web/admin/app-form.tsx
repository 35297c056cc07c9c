import { useEffect, useMemo, useState } from 'preact/hooks'
import { ApiError, call, replaces } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { ReasonCode } from '../docs.tsx'
import { useResource } from '../live.ts'
import { language, t } from '../text.ts'
import { type AppDocument, documentOf, type Faults, faultsOf, useAppDraft, useHowMany } from './app-draft.ts'
import type { App } from './apps.tsx'
import { ActionError, announce, useAction } from './dialogs.tsx'
import { readNames, TextField } from './fields.tsx'
import { NamesField, useLabels } from './names-field.tsx'
import { ConflictNotice, PageHead, Section, State } from './parts.tsx'
import { BASE, go, to } from './router.ts'
import { type Help, inLanguage, SpecFields } from './spec-fields.tsx'
import { a } from './text.ts'

/** Roles that are named; of more, the number. */
const MOST_ROLES = 6
type Result = Responses['POST /apps/test']

/** Registers an app, or changes one. The hub checks the document while the person types. */
export function AppForm({ app }: { readonly app?: App }) {
  const { draft, touched, url, faults, setFaults, take, setSpec, setMetadata } = useAppDraft(app)
  const schema = useResource<{ properties: Help }>('/schemas/app', [])
  const agents = useResource<Responses['GET /agents']>('/agents', ['agent'])
  const save = useAction()
  const { metadata, spec } = draft
  const name = metadata.name
  const tag = app?.status.etag ?? null
  /** Version that the person has seen, and that saving replaces. */
  const [seen, setSeen] = useState(tag)
  const conflict = seen !== tag && !save.busy
  const takeTheirs = () => {
    if (app) take(documentOf(app))
    setSeen(tag)
  }
  useEffect(() => {
    // Without changes of one's own, the form follows what others save.
    if (conflict && !touched) takeTheirs()
  }, [tag])
  const labels = useLabels()
  const howMany = useHowMany(draft)
  const same = useResource<readonly App[]>(
    app || name === '' ? null : `/apps?name=${encodeURIComponent(name)}`,
    ['app'],
  )
  const taken = (same.data?.length ?? 0) > 0

  const submit = async () => {
    await (app
      ? call('PUT', `/apps/${encodeURIComponent(name)}`, draft, replaces(seen))
      : call('POST', '/apps', draft))
    announce(app ? a('saved', { name }) : a('appAdded', { name }))
    go(`/apps/${encodeURIComponent(name)}`)
  }
  const help = useMemo(() => schema.data && inLanguage(schema.data.properties), [schema.data])
  return (
    <>
      <PageHead
        title={app ? a('editApp', { name }) : a('addApp')}
        back={app ? [to('apps', name), name] : [`${BASE}/apps`, a('apps')]}
      />
      {conflict && app && (
        <ConflictNotice
          text={a('documentChanged')}
          theirs={JSON.stringify(documentOf(app), null, 2)}
          onTake={takeTheirs}
          onKeep={() => setSeen(tag)}
        />
      )}
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          void save.run(submit)
        }}
      >
        <div class="panel">
          <TextField
            label={a('name')}
            help={a('appNameHelp')}
            value={name}
            required
            disabled={app !== undefined}
            error={taken ? a('nameTaken') : faults['metadata.name']}
            placeholder="grafana"
            onChange={(value) => setMetadata({ name: value })}
          />
          <p class="help" role="status">
            {url !== null && a('appAddress', { url })}
          </p>
          <TextField
            label={a('target')}
            help={help?.uri?.description}
            value={spec.uri}
            required
            error={faults['spec.uri']}
            placeholder="http://127.0.0.1:3000"
            onChange={(uri) => setSpec({ uri })}
          />
          <NamesField
            label={a('agents')}
            help={help?.agents?.description}
            options={(agents.data ?? []).map(({ hostname, connected }) => ({
              name: hostname,
              more: connected ? undefined : a('notConnected'),
            }))}
            chosen={spec.agents ?? []}
            onChange={(names) => setSpec({ agents: [...names] })}
          >
            {agents.data?.length === 0 && (
              <p class="notice warn">
                {a('noAgents')} <a href={`${BASE}/agents`}>{a('addAgent')}</a>
              </p>
            )}
          </NamesField>
          <NamesField
            label={a('labels')}
            help={a('labelsHelp')}
            error={Object.entries(faults).find(([path]) => path.startsWith('metadata.labels'))?.[1]}
            options={labels}
            chosen={Object.entries(metadata.labels ?? {}).map((pair) => pair.join('='))}
            create={labelIn}
            onChange={(pairs) => setMetadata({ labels: Object.fromEntries(pairs.map(pairIn)) })}
          >
            <p class="help" role="status">
              {howMany && sayHowMany(howMany)}
            </p>
          </NamesField>
          <TextField
            label={a('description')}
            value={metadata.description ?? ''}
            onChange={(description) => setMetadata({ description })}
          />
        </div>
        {help && <SpecFields spec={spec} help={help} faults={faults} onChange={setSpec} />}
        <TestFromAgents draft={draft} onFaults={setFaults} />
        <ActionError error={save.error} />
        <div class="actions sticky">
          <button type="submit" disabled={save.busy || conflict || name === '' || spec.uri === ''}>
            {save.busy ? t('loading') : app ? a('save') : a('addApp')}
          </button>
          <a class="button plain" href={app ? to('apps', name) : `${BASE}/apps`}>
            {a('cancel')}
          </a>
        </div>
      </form>
    </>
  )
}

const both = new Intl.ListFormat(language)
/** `With these labels it opens for 3 people: engineers 2, everyone 1`, the role with the most first. */
function sayHowMany({ people, bots, roles }: NonNullable<ReturnType<typeof useHowMany>>): string {
  if (people + bots === 0) return a('opensForNobody')
  const who = [a('countPeople', { count: people }), ...(bots > 0 ? [a('countBots', { count: bots })] : [])]
  const byRole = Object.entries(roles).sort(([, one], [, other]) => other - one)
  const shown = byRole
    .slice(0, MOST_ROLES)
    .map(([role, count]) => `${role} ${count.toLocaleString(language)}`)
  const more = byRole.length > MOST_ROLES ? [`+${byRole.length - MOST_ROLES}`] : []
  return a('opensFor', { who: both.format(who), roles: [...shown, ...more].join(', ') })
}

/** Key and value of `team=data`; a key may have a colon, a value everything. */
const pairIn = (label: string): readonly [string, string] => {
  const [key = ''] = label.split('=', 1)
  return [key, label.slice(key.length + 1)]
}

/** The label that a person means by `team=data`, `team: data` or `team = data`; null: it has no value yet. */
function labelIn(text: string): string | null {
  const pair = /^([^=]+?)\s*=\s*(.+)$/.exec(text) ?? /^([^:]+?)\s*:\s*(.+)$/.exec(text)
  return pair && `${pair[1]}=${pair[2]}`
}

function TestFromAgents({
  draft,
  onFaults,
}: {
  readonly draft: AppDocument
  onFaults(faults: Faults): void
}) {
  const [result, setResult] = useState<Result | null>(null)
  const action = useAction()
  const agents = readNames((draft.spec.agents ?? []).join(' '))
  const run = async () => {
    setResult(null)
    try {
      setResult(await call<Result>('POST', '/apps/test', draft))
      onFaults({})
    } catch (error) {
      if (error instanceof ApiError) onFaults(faultsOf(error))
      throw error
    }
  }
  return (
    <Section title={a('testFromAgents')}>
      <p class="quiet">{a('testHelp')}</p>
      <button
        type="button"
        class="plain"
        disabled={action.busy || agents.length === 0 || draft.spec.uri === ''}
        onClick={() => void action.run(run)}
      >
        {action.busy ? a('testing') : a('test')}
      </button>
      {agents.length === 0 && <p class="help">{a('chooseAgent')}</p>}
      <ActionError error={action.error} />
      <div role="status">
        {result?.agents.map(({ hostname, ok, error, reason, ms }) => (
          <p key={hostname} class={`notice ${ok ? 'good' : 'bad'}`}>
            <State of={ok ? 'ok' : 'fail'} text={ok ? a('reached') : a('notReached')} />{' '}
            <strong>{hostname}</strong> {ok ? `${ms} ms` : error} {reason && <ReasonCode code={reason} />}
          </p>
        ))}
      </div>
    </Section>
  )
}
