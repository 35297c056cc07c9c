import { drawings } from '@mezite/core/drawings'
import { useEffect, useState } from 'preact/hooks'
import { Glyph } from './app-icon.tsx'
import { t } from './text.ts'

/** Copies a text to the clipboard at a click, and confirms it. */
export function CopyButton({ text, label }: { readonly text: string; readonly label: string }) {
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), 1_500)
    return () => clearTimeout(timer)
  }, [copied])
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied(true),
      () => {},
    )
  return (
    <button type="button" class="icon-button" aria-label={label} title={label} onClick={copy}>
      <Glyph path={copied ? 'M4 12l5 5L20 6' : drawings.copy} />
      <span class="visually-hidden" role="status">
        {copied ? t('copied') : ''}
      </span>
    </button>
  )
}
