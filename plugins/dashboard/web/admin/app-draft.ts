import { useEffect, useState } from 'preact/hooks'
import { ApiError, call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import type { App } from './apps.tsx'
import { may } from './rights.tsx'

export type AppDocument = Pick<App, 'kind' | 'version' | 'metadata' | 'spec'>
export type Faults = Readonly<Record<string, string>>

const CHECK_MS = 400
/** For the check of the rest: no agent is asked to reach it. */
const NO_TARGET_YET = 'http://127.0.0.1'
const empty: AppDocument = {
  kind: 'app',
  version: 'v1',
  metadata: { name: '', labels: {} },
  spec: { uri: '', agents: [] },
}

export const documentOf = ({ kind, version, metadata, spec }: App): AppDocument => ({
  kind,
  version,
  metadata,
  spec,
})

/** The document that a person edits. The hub checks it while the person types. */
export function useAppDraft(app: App | undefined) {
  const [original] = useState(() => (app ? documentOf(app) : empty))
  const [draft, setDraft] = useState<AppDocument>(original)
  const [faults, setFaults] = useState<Faults>({})
  const [url, setUrl] = useState(app?.status.url ?? null)
  const [touched, setTouched] = useState(false)
  const { metadata, spec } = draft

  // The same check as saving makes, so that the form cannot accept what the hub refuses.
  useEffect(() => {
    if (!touched || metadata.name === '') return
    let latest = true
    const timer = setTimeout(() => {
      check({ ...draft, spec: { ...spec, uri: spec.uri || NO_TARGET_YET, agents: [] } }).then(
        (found) => {
          if (!latest) return
          setFaults(found.faults)
          setUrl(found.url)
        },
        () => {},
      )
    }, CHECK_MS)
    return () => {
      latest = false
      clearTimeout(timer)
    }
  }, [draft, touched])

  return {
    draft,
    /** Whether the person has changed anything. */
    touched,
    /** Where browsers will open the app; null if they cannot, or the document has a fault. */
    url,
    /** Messages by path of the document. */
    faults,
    setFaults,
    take(document: AppDocument): void {
      setDraft(document)
    },
    setSpec(change: Partial<AppDocument['spec']>): void {
      setTouched(true)
      setDraft((old) => ({ ...old, spec: prune({ ...old.spec, ...change }) as AppDocument['spec'] }))
    },
    setMetadata(change: Partial<AppDocument['metadata']>): void {
      setTouched(true)
      setDraft((old) => ({
        ...old,
        metadata: prune({ ...old.metadata, ...change }) as AppDocument['metadata'],
      }))
    },
  }
}

type HowMany = Responses['POST /access/who']

/** How many may open an app with the labels of the draft, and by which roles; null: not known. */
export function useHowMany({ metadata, spec, ...draft }: AppDocument): HowMany | null {
  const [found, setFound] = useState<HowMany | null>(null)
  const labels = JSON.stringify(metadata.labels ?? {})
  const mayAsk = may('access.read')
  useEffect(() => {
    if (!mayAsk) return
    let latest = true
    const show = (count: HowMany | null) => latest && setFound(count)
    const timer = setTimeout(() => {
      const named = { name: metadata.name || 'draft', labels: metadata.labels ?? {} }
      const document = { ...draft, metadata: named, spec: { ...spec, uri: spec.uri || NO_TARGET_YET } }
      call<HowMany>('POST', '/access/who', document).then(show, () => show(null))
    }, CHECK_MS)
    return () => {
      latest = false
      clearTimeout(timer)
    }
  }, [labels, mayAsk])
  return found
}

/** Removes empty texts and objects, which mean the default. */
function prune(object: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined && value !== ''))
}

async function check(
  document: AppDocument,
): Promise<{ readonly faults: Faults; readonly url: string | null }> {
  try {
    const { url } = await call<Responses['POST /apps/test']>('POST', '/apps/test', document)
    return { faults: {}, url }
  } catch (error) {
    return { faults: error instanceof ApiError ? faultsOf(error) : {}, url: null }
  }
}

/** The problems of a document by path. */
export function faultsOf({ message, problem }: ApiError): Faults {
  const { problems } = problem as { problems?: readonly { path: string; message: string }[] }
  if (problems) return Object.fromEntries(problems.map((one) => [one.path, one.message]))
  const [, path, text] = /^(spec\.\w+): (.*)$/.exec(message) ?? []
  return path && text ? { [path]: text } : {}
}
