import { drawings } from '@mezite/core/drawings'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { Glyph } from '../app-icon.tsx'
import { AddLock } from './locks.tsx'
import { type Hit, hitsFor } from './palette-hits.ts'
import { go, place } from './router.ts'
import { a } from './text.ts'

const SEARCH_MS = 120

/** The button of the search over everything, which Ctrl or Cmd and K open too. */
export function Palette() {
  const [open, setOpen] = useState(false)
  const [lock, setLock] = useState<Hit['lock']>(undefined)
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey) return
      event.preventDefault()
      setOpen((is) => !is)
    }
    document.addEventListener('keydown', onKey)
    return () => document.removeEventListener('keydown', onKey)
  }, [])
  // The way back of the browser leads to a page, not to a dialog above it.
  const { path } = place.value
  useEffect(() => setOpen(false), [path])
  const choose = (hit: Hit) => {
    setOpen(false)
    if (hit.lock) setLock(hit.lock)
    else if (hit.href?.startsWith('/web/admin')) {
      go(hit.href.slice('/web/admin'.length) || '/')
      document.querySelector<HTMLElement>('#admin-main')?.focus()
    } else if (hit.href) location.assign(hit.href)
  }
  return (
    <>
      <button
        type="button"
        class="palette-button"
        aria-keyshortcuts="Control+K Meta+K"
        title={a('searchAll')}
        onClick={() => setOpen(true)}
      >
        <Glyph path={drawings.search} />
        {a('searchShort')}
        <kbd>{/Mac|iPhone|iPad/.test(navigator.userAgent) ? '⌘K' : 'Ctrl K'}</kbd>
      </button>
      {open && <PaletteDialog onChoose={choose} onClose={() => setOpen(false)} />}
      {lock && <AddLock target={lock} onClose={() => setLock(undefined)} />}
    </>
  )
}

function PaletteDialog({ onChoose, onClose }: { onChoose(hit: Hit): void; onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const [query, setQuery] = useState('')
  const [{ of, hits }, setHits] = useState<{ of: string | null; hits: readonly Hit[] }>({
    of: null,
    hits: [],
  })
  /** Enter was pressed before the hits of the query were there. */
  const entered = useRef(false)
  const [at, setAt] = useState(0)
  const [failure, setFailure] = useState<string | null>(null)
  useEffect(() => {
    const { current } = dialog
    current?.showModal()
    return () => current?.close()
  }, [])
  useEffect(() => {
    let current = true
    entered.current = false
    const load = async () => {
      const found = await hitsFor(query).catch((error: unknown) => {
        if (current) setFailure(error instanceof Error ? error.message : String(error))
      })
      if (!current || !found) return
      setFailure(null)
      const [best] = found
      if (entered.current && best) return onChoose(best)
      setHits({ of: query, hits: found })
      setAt(0)
    }
    const timer = setTimeout(() => void load(), query === '' ? 0 : SEARCH_MS)
    return () => {
      current = false
      clearTimeout(timer)
    }
  }, [query])
  useEffect(() => document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: 'nearest' }), [at])
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step !== undefined && hits.length > 0) {
      event.preventDefault()
      setAt((at + step + hits.length) % hits.length)
    }
    if (event.key !== 'Enter') return
    event.preventDefault()
    const hit = hits[at]
    if (of !== query) entered.current = true
    else if (hit) onChoose(hit)
  }
  return (
    <dialog
      ref={dialog}
      class="palette"
      aria-label={a('searchAll')}
      onClose={onClose}
      onMouseDown={(event) => event.target === dialog.current && onClose()}
    >
      <input
        type="search"
        role="combobox"
        aria-label={a('searchAll')}
        aria-expanded="true"
        aria-controls={id}
        aria-autocomplete="list"
        aria-activedescendant={hits.length > 0 ? `${id}-${at}` : undefined}
        placeholder={a('searchAllHint')}
        value={query}
        autocomplete="off"
        spellcheck={false}
        autofocus
        onInput={(event) => setQuery(event.currentTarget.value)}
        onKeyDown={onKeyDown}
      />
      <p class="visually-hidden" role="status">
        {of === query && query !== '' ? a('searchResults', { count: hits.length }) : ''}
      </p>
      {failure !== null && <p class="notice warn">{a('searchFailed', { message: failure })}</p>}
      <div id={id} role="listbox" aria-label={a('searchAll')}>
        {hits.map((hit, index) => (
          // biome-ignore lint/a11y/useKeyWithClickEvents: Enter in the field does the same
          // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus
          <div
            key={`${hit.kind} ${hit.text} ${hit.href}`}
            id={`${id}-${index}`}
            role="option"
            aria-selected={index === at}
            onMouseMove={() => setAt(index)}
            onClick={() => onChoose(hit)}
          >
            <Glyph path={drawings[hit.glyph]} />
            <strong>{hit.text}</strong>
            <span class="quiet">{hit.more}</span>
            <span class="quiet">{hit.kind}</span>
          </div>
        ))}
      </div>
      {hits.length === 0 && of === query && <p class="quiet">{a('nothingFound')}</p>}
      <p class="quiet palette-keys">{a('searchKeys')}</p>
    </dialog>
  )
}
