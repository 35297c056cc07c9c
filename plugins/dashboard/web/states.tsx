import { useEffect, useRef } from 'preact/hooks'
import { type ApiError, signedOut } from './api.ts'
import { ReasonCode } from './docs.tsx'
import { connected, reload } from './live.ts'
import { t } from './text.ts'

/** A document that could not be loaded, with a way to try again. */
export function Failure({ error }: { readonly error: ApiError }) {
  return (
    <section class="empty" role="alert">
      <h2>{t('loadFailed')}</h2>
      <p>{error.message}</p>
      <button type="button" class="plain" onClick={() => reload(null)}>
        {t('tryAgain')}
      </button>
      <p class="reference">
        {t('forSupport')} <ReasonCode code={error.code} /> {error.requestId && <code>{error.requestId}</code>}
      </p>
    </section>
  )
}

/** Covers the page once the session has ended, because nothing on it is current any more. */
export function SignedOut() {
  const dialog = useRef<HTMLDialogElement>(null)
  const isOver = signedOut.value
  useEffect(() => {
    if (isOver && !dialog.current?.open) dialog.current?.showModal()
  }, [isOver])
  if (!isOver) return null
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby="signed-out"
      onCancel={(event) => event.preventDefault()}
    >
      <h2 id="signed-out">{t('signedOutTitle')}</h2>
      <p>{t('signedOutHelp')}</p>
      <div class="actions">
        <button type="button" onClick={() => location.reload()}>
          {t('signInAgain')}
        </button>
      </div>
    </dialog>
  )
}

/** Says that changes do not arrive, while they do not. */
export function ConnectionNotice() {
  return (
    <p class="connection" role="status">
      {connected.value || signedOut.value ? '' : t('reconnecting')}
    </p>
  )
}
