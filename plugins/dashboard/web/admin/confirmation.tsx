import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { confirmWith } from '../api.ts'
import { Dialog } from './dialogs.tsx'
import { a } from './text.ts'

interface Asked {
  readonly url: string
  /** False: the person has closed the dialog. */
  done(confirmed: boolean): void
}

const asked = signal<Asked | null>(null)

confirmWith((url) => {
  asked.value?.done(false)
  return new Promise((resolve) => {
    const done = (confirmed: boolean) => {
      asked.value = null
      resolve(confirmed)
    }
    asked.value = { url, done }
  })
})

/** Asks for the passkey that a role demands for changes. The page of the passkey says when the person has confirmed. */
export function Confirmation() {
  const now = asked.value
  useEffect(() => {
    const listen = ({ origin, data }: MessageEvent) => {
      if (origin === location.origin && data === 'mezite-confirmed') asked.peek()?.done(true)
    }
    addEventListener('message', listen)
    return () => removeEventListener('message', listen)
  }, [])
  if (now === null) return null
  return (
    <Dialog title={a('confirmTitle')} onClose={() => now.done(false)}>
      <p>{a('confirmHelp')}</p>
      <div class="actions">
        <button type="button" onClick={() => open(now.url, '_blank', 'popup,width=480,height=640')}>
          {a('confirmVerb')}
        </button>
        <button type="button" class="plain" onClick={() => now.done(false)}>
          {a('cancel')}
        </button>
      </div>
    </Dialog>
  )
}
