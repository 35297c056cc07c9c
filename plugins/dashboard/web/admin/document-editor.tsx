import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { parseDocument, stringify } from 'yaml'
import { ApiError, call, replaces } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { t } from '../text.ts'
import type { Schema } from './completion.ts'
import { ActionError, announce, useAction } from './dialogs.tsx'
import { TextField } from './fields.tsx'
import { LockBanner } from './locks.tsx'
import { ConflictNotice, PageHead, Section } from './parts.tsx'
import { ProviderFields } from './provider-fields.tsx'
import { TestDraft } from './provider-test.tsx'
import { RedirectUri } from './redirect-uri.tsx'
import { may } from './rights.tsx'
import { RoleFields } from './role-fields.tsx'
import { RoleVersions } from './role-versions.tsx'
import { BASE, go, place } from './router.ts'
import { a } from './text.ts'
import { type Mark, YamlEditor } from './yaml-editor.tsx'

interface Document {
  readonly kind: string
  readonly version: string
  readonly spec: object
  readonly metadata: { readonly name: string }
}
type Preview = Responses['POST /roles/preview']

const PREVIEW_MS = 400
const SHOWN_ROWS = 8

/**
 * Edits a resource as YAML, as files for `mezctl` have it. A change that somebody else saves meanwhile is shown, and
 * saving asks first. Roles show who gains and who loses access before they are saved.
 */
export function DocumentEditor(props: {
  readonly kind: 'role' | 'oidc'
  /** Of the API: `/v1/webapi/<path>/<name>`. */
  readonly path: string
  readonly document: Document
  /** Version of the document; null for one that does not exist yet. */
  readonly tag: string | null
  /** First part of the path of the list. */
  readonly back: 'roles' | 'sign-in'
  readonly children?: ComponentChildren
}) {
  const { kind, path, document, tag, back, children } = props
  const isNew = tag === null
  const current = useMemo(() => stringify(document), [document])
  /** Versions that the person has seen or saved. Saving replaces the last of them. */
  const [seen, setSeen] = useState([tag])
  const see = (version: string | null) => setSeen((before) => [...before, version])
  const [original, setOriginal] = useState(current)
  const [text, setText] = useState(current)
  const [preview, setPreview] = useState<Preview | null>(null)
  const [refused, setRefused] = useState<ApiError | null>(null)
  const schema = useResource<Schema>(`/schemas/${kind}`, [])
  const [secret, setSecret] = useState('')
  const save = useAction()
  const read = useMemo(() => parseDocument(text), [text])
  const fault = read.errors[0]
  const value = fault ? null : (read.toJS() as Document | null)
  const name = typeof value?.metadata?.name === 'string' ? value.metadata.name : ''
  /** The document with the secret, which never stands in the text. */
  const sent =
    secret === '' ? value : { ...value, spec: { ...value?.spec, client_secret: { value: secret } } }
  const conflict = !seen.includes(tag)

  useEffect(() => {
    // Without changes of one's own, the editor follows what others save.
    if (!conflict || text !== original) return
    setOriginal(current)
    see(tag)
    setText(current)
  }, [current])

  useEffect(() => {
    setRefused(null)
    if (kind !== 'role' || value === null || !may('audit.list')) return setPreview(null)
    let latest = true
    const timer = setTimeout(() => {
      call<Preview>('POST', '/roles/preview', value).then(
        (found) => latest && setPreview(found),
        (error) => {
          if (!latest) return
          setPreview(null)
          if (error instanceof ApiError && error.status === 400) setRefused(error)
        },
      )
    }, PREVIEW_MS)
    return () => {
      latest = false
      clearTimeout(timer)
    }
  }, [text])

  const submit = async () => {
    const { resource } = await call<{ resource: { status: { etag: string } } }>(
      'PUT',
      `/${path}/${encodeURIComponent(name)}`,
      sent,
      replaces(name === document.metadata.name ? seen.at(-1)! : null),
    )
    announce(a('saved', { name }))
    setSecret('')
    setOriginal(text)
    see(resource.status.etag)
    go(`/${back}/${encodeURIComponent(name)}`, !isNew)
  }
  const mayEdit = may(kind === 'role' ? 'role.update' : 'connector.update')
  const marks = marksOf(refused ?? save.error, read, fault)
  const title = isNew ? (kind === 'role' ? a('addRole') : a('addConnector')) : document.metadata.name
  return (
    <>
      <PageHead title={title} back={[`${BASE}/${back}`, back === 'roles' ? a('roles') : a('signIn')]}>
        {children}
      </PageHead>
      {kind === 'role' && !isNew && <LockBanner kind="role" name={document.metadata.name} />}
      {conflict && (
        <ConflictNotice
          text={a('documentChanged')}
          theirs={current}
          onTake={() => {
            setOriginal(current)
            see(tag)
            setText(current)
          }}
          onKeep={() => {
            setOriginal(current)
            see(tag)
          }}
        />
      )}
      <form
        class="editor"
        onSubmit={(event) => {
          event.preventDefault()
          void save.run(submit)
        }}
      >
        <div>
          {mayEdit && kind === 'role' && value !== null && (
            <RoleFields value={value} text={text} isNew={isNew} onChange={setText} />
          )}
          {mayEdit && kind === 'oidc' && value !== null && (
            <ProviderFields value={value} text={text} isNew={isNew} onChange={setText} />
          )}
          <YamlEditor
            label={a('document')}
            text={text}
            kind={kind}
            schema={schema.data}
            marks={marks}
            at={place.value.query.get('at')}
            isReadOnly={!mayEdit}
            onChange={setText}
          />
        </div>
        <div>
          {mayEdit && <p class="help">{a('editorHelp')}</p>}
          {mayEdit && kind === 'oidc' && (
            <>
              {name !== '' && <RedirectUri name={name} />}
              <TextField
                label={a('clientSecret')}
                help={a('secretHelp')}
                isSecret
                value={secret}
                onChange={setSecret}
              />
              <TestDraft key={`${text} ${secret}`} document={name === '' ? null : sent} />
            </>
          )}
          {/* The editor lists faults that have a place in the text. */}
          {marks.length === 0 && <ActionError error={refused ?? save.error} />}
          {preview && <Changes preview={preview} />}
          {mayEdit && kind === 'role' && !isNew && (
            <RoleVersions name={document.metadata.name} onUse={(earlier) => setText(stringify(earlier))} />
          )}
          {mayEdit && (
            <div class="actions">
              <button
                type="submit"
                disabled={
                  save.busy ||
                  value === null ||
                  name === '' ||
                  conflict ||
                  (text === original && secret === '' && !isNew)
                }
              >
                {save.busy ? t('loading') : a('save')}
              </button>
              {text !== original && (
                <button type="button" class="plain" onClick={() => setText(original)}>
                  {a('discard')}
                </button>
              )}
            </div>
          )}
        </div>
      </form>
    </>
  )
}

/** Where the faults of a document are in its text. */
function marksOf(
  error: ApiError | null,
  read: ReturnType<typeof parseDocument>,
  fault: ReturnType<typeof parseDocument>['errors'][number] | undefined,
): readonly Mark[] {
  if (fault) return [{ from: fault.pos[0], message: fault.message.split('\n')[0] ?? '' }]
  const { problems } = (error?.problem ?? {}) as { problems?: readonly { path: string; message: string }[] }
  return (problems ?? []).map(({ path, message }) => {
    const node = read.getIn(path.split('.'), true) as { range?: readonly number[] } | undefined
    const [from = 0] = node?.range ?? []
    return { from, message: `${path}: ${message}` }
  })
}

/** Always about everybody: the names are in groups of people who gain and lose the same applications. */
function Changes({ preview: { users, opens, apps, groups, requests } }: { readonly preview: Preview }) {
  const people = (of: 'gains' | 'loses') =>
    groups.reduce((sum, group) => sum + (group[of].length > 0 ? group.users.length : 0), 0)
  const [gaining, losing] = [people('gains'), people('loses')]
  return (
    <Section title={a('effect')}>
      <div role="status">
        <p>{a('roleReach', { opens, count: apps })}</p>
        <p class="quiet">{a('peopleWithRole', { count: users })}</p>
        {groups.length === 0 && <p>{a('noEffect')}</p>}
        {losing > 0 && <p class="notice bad">{a('peopleLose', { count: losing })}</p>}
        {gaining > 0 && <p>{a('peopleGain', { count: gaining })}</p>}
        {requests !== null && requests.requests > 0 && <Requests preview={requests} />}
      </div>
      {groups.map(({ users, gains, loses }) => (
        <details class="changes" key={users[0]}>
          <summary>
            {[
              a('somePeople', { count: users.length }),
              ...(loses.length > 0 ? [a('loseApps', { count: loses.length })] : []),
              ...(gains.length > 0 ? [a('gainApps', { count: gains.length })] : []),
            ].join(' · ')}
          </summary>
          <NameList title={a('people')} names={users} />
          {loses.length > 0 && <NameList title={a('loses')} names={loses} />}
          {gains.length > 0 && <NameList title={a('gains')} names={gains} />}
        </details>
      ))}
    </Section>
  )
}

/** What the rules of the role would do to the requests of the last day. */
function Requests({ preview }: { readonly preview: NonNullable<Preview['requests']> }) {
  const { requests, users, complete, refused, examples } = preview
  const of = [
    a(complete ? 'ofRequests' : 'ofNewestRequests', { count: requests }),
    a('somePeople', { count: users }),
  ].join(' · ')
  if (refused === 0) return <p>{`${of}: ${a('noneRefused')}`}</p>
  return (
    <>
      <p class="notice bad">{`${of}: ${a('wouldBeRefused', { count: refused })}`}</p>
      <details class="changes">
        <summary>{a('refusedRequests')}</summary>
        <ul>
          {examples.map(({ user, app, method, path, count }) => (
            <li key={`${user} ${app} ${method} ${path}`}>
              <code>{`${method} ${path}`}</code> {`${app} · ${user} · ${count}`}
            </li>
          ))}
        </ul>
      </details>
    </>
  )
}

function NameList({ title, names }: { readonly title: string; readonly names: readonly string[] }) {
  const [all, setAll] = useState(false)
  const more = names.length - SHOWN_ROWS
  return (
    <>
      <h3>{title}</h3>
      <p>{(all ? names : names.slice(0, SHOWN_ROWS)).join(', ')}</p>
      {!all && more > 0 && (
        <button type="button" class="quiet" onClick={() => setAll(true)}>
          {a('andMore', { count: more })}
        </button>
      )}
    </>
  )
}
