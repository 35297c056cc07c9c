import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useId, useRef, useState } from 'preact/hooks'
import { ApiError, call } from '../api.ts'
import type { Right } from '../api-types.ts'
import { ReasonCode } from '../docs.tsx'
import { reload } from '../live.ts'
import { t } from '../text.ts'
import { Needs } from './rights.tsx'
import { go } from './router.ts'
import { a } from './text.ts'

const notices = signal<readonly { readonly id: number; readonly text: string }[]>([])
let next = 0

/** Shows a short confirmation for a few seconds, also to screen readers. */
export function announce(text: string): void {
  next += 1
  const notice = { id: next, text }
  notices.value = [...notices.value, notice]
  setTimeout(() => {
    notices.value = notices.value.filter(({ id }) => id !== notice.id)
  }, 5_000)
}

export const Notices = () => (
  <div class="notices" role="status">
    {notices.value.map(({ id, text }) => (
      <p key={id}>{text}</p>
    ))}
  </div>
)

/** What an action of a person is doing. */
export interface Running {
  readonly busy: boolean
  readonly error: ApiError | null
  run(action: () => Promise<void>): Promise<void>
}

/** Runs an action once at a time, and keeps its error for the page. */
export function useAction(): Running {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<ApiError | null>(null)
  return {
    busy,
    error,
    async run(action) {
      const before = document.activeElement
      setBusy(true)
      setError(null)
      try {
        await action()
      } catch (failure) {
        if (!(failure instanceof ApiError)) throw failure
        setError(failure)
      } finally {
        setBusy(false)
        setTimeout(() => returnFocus(before))
      }
    },
  }
}

/** A button that was switched off while its action ran has lost the focus. One that is gone leaves it to the page that follows. */
function returnFocus(to: Element | null): void {
  if (document.activeElement !== document.body || !(to instanceof HTMLElement) || !to.isConnected) return
  to.focus()
  // Nothing is left to save.
  if (document.activeElement === document.body) document.querySelector<HTMLElement>('#admin-main')?.focus()
}

/** Why an action failed; faults of a document line by line. */
export function ActionError({ error }: { readonly error: ApiError | null }) {
  if (error === null) return null
  const { problems } = error.problem as { problems?: readonly { path: string; message: string }[] }
  return (
    <div class="notice bad" role="alert">
      {problems ? (
        <ul>
          {problems.map(({ path, message }) => (
            <li key={path + message}>
              <code>{path}</code> {message}
            </li>
          ))}
        </ul>
      ) : (
        <p>
          {error.message} <ReasonCode code={error.code} />
        </p>
      )}
    </div>
  )
}

interface DialogProps {
  readonly title: string
  readonly children?: ComponentChildren
  onClose(): void
}

/** A modal dialog. Escape and a click beside it close it. */
export function Dialog({ title, children, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  useEffect(() => {
    const { current } = dialog
    current?.showModal()
    // Returns the focus to the button that opened it, whatever has closed it.
    return () => current?.close()
  }, [])
  return (
    <dialog
      ref={dialog}
      class="dialog"
      aria-labelledby={id}
      onClose={onClose}
      onMouseDown={(event) => event.target === dialog.current && onClose()}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  )
}

/** A dialog with a form. It stays open if `submit` fails, and says why; its caller closes it. */
export function FormDialog(
  props: DialogProps & {
    /** The word on the button that submits. */
    readonly verb: string
    /** What the button does takes something away. */
    readonly destructive?: boolean
    /** Whether it can be submitted. Default: true. */
    readonly ready?: boolean
    readonly submit: () => Promise<void>
    /** What is there instead of the form once it has been submitted. */
    readonly result?: ComponentChildren
  },
) {
  const { title, children, verb, destructive, ready = true, submit, result, onClose } = props
  const action = useAction()
  return (
    <Dialog title={title} onClose={onClose}>
      {result ?? (
        <form
          onSubmit={(event) => {
            event.preventDefault()
            void action.run(submit)
          }}
        >
          {children}
          <ActionError error={action.error} />
          <div class="actions">
            <button type="submit" class={destructive ? 'danger' : ''} disabled={action.busy || !ready}>
              {action.busy ? t('loading') : verb}
            </button>
            <button type="button" class="plain" onClick={onClose}>
              {a('cancel')}
            </button>
          </div>
        </form>
      )}
    </Dialog>
  )
}

interface Question {
  readonly title: string
  readonly children?: ComponentChildren
  readonly verb: string
  /** What the person types first. */
  readonly name?: string
  readonly confirm: () => Promise<void>
}

/** Confirms an action that cannot be undone; with `name`, the person types it first. */
export function Confirm(props: Question & { onClose(): void }) {
  const { title, children, verb, name, confirm, onClose } = props
  const [typed, setTyped] = useState('')
  const id = useId()
  const submit = async () => {
    await confirm()
    onClose()
  }
  const ready = name === undefined || typed === name
  return (
    <FormDialog title={title} verb={verb} destructive ready={ready} submit={submit} onClose={onClose}>
      {children}
      {name !== undefined && (
        <p>
          <label for={id}>{a('typeName', { name })}</label>
          <input
            id={id}
            value={typed}
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </p>
      )}
    </FormDialog>
  )
}

/** Without these rights the hub refuses what a button does, so that it is not shown. */
interface Guarded {
  readonly right: Right | readonly Right[]
}

/** A button that asks, and then acts. Its text is the verb of the question. */
export function ConfirmButton(
  props: Question & Guarded & { readonly class?: string; readonly label?: string },
) {
  const { class: style = 'plain', label, right, ...question } = props
  return (
    <DialogButton
      right={right}
      text={question.verb}
      class={style}
      label={label}
      dialog={(close) => <Confirm {...question} onClose={close} />}
    />
  )
}

/**
 * A button that removes a resource. On the page of the resource, the person types its name first, and the page of its list opens
 * then; in a row of a list, resources of these kinds are loaded again.
 */
export function RemoveButton(
  props: {
    readonly right: Right
    readonly name: string
    readonly title: string
    readonly help: string
    /** Of the API. */
    readonly path: string
  } & ({ readonly list: string } | { readonly kinds: readonly string[] }),
) {
  const { right, name, title, help, path } = props
  const confirm = async () => {
    await call('DELETE', path)
    announce(a('removed', { name }))
    if ('list' in props) go(props.list)
    else reload(props.kinds)
  }
  const place =
    'list' in props
      ? { class: 'plain danger', name }
      : { class: 'plain small danger', label: `${a('remove')}: ${name}` }
  return (
    <ConfirmButton right={right} title={title} verb={a('remove')} confirm={confirm} {...place}>
      <p>{help}</p>
    </ConfirmButton>
  )
}

/** A button that opens a dialog. */
export function DialogButton(
  props: Guarded & {
    readonly text: string
    readonly class?: string
    readonly label?: string | undefined
    /** Whether the dialog is open at first. Default: false. */
    readonly isOpen?: boolean
    dialog(close: () => void): ComponentChildren
  },
) {
  const [open, setOpen] = useState(props.isOpen ?? false)
  useEffect(() => {
    if (props.isOpen) setOpen(true)
  }, [props.isOpen])
  return (
    <Needs right={props.right}>
      <button
        type="button"
        class={props.class ?? 'plain'}
        aria-label={props.label}
        onClick={() => setOpen(true)}
      >
        {props.text}
      </button>
      {open && props.dialog(() => setOpen(false))}
    </Needs>
  )
}
