import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import {
  ActionError,
  announce,
  ConfirmButton,
  Dialog,
  DialogButton,
  FormDialog,
  useAction,
} from './dialogs.tsx'
import { ChoiceField, TextField } from './fields.tsx'
import type { ListAction } from './list-tools.tsx'
import { Listing } from './listing.tsx'
import { type Column, Nothing, PageHead, Time } from './parts.tsx'
import { may, Needs } from './rights.tsx'
import { place, to } from './router.ts'
import { a } from './text.ts'

type Lock = Responses['GET /locks'][number]
export type LockKind = 'user' | 'role' | 'session' | 'app' | 'agent'

/** Made when a page is shown, because the other parts load this module before the texts of the language. */
const kinds = (): readonly (readonly [LockKind, string])[] => [
  ['user', a('person')],
  ['role', a('role')],
  ['app', a('app')],
  ['agent', a('agent')],
  ['session', a('session')],
]

const kindOf = (target: Lock['target']): string =>
  kinds().find(([kind]) => kind in target)?.[1] ?? Object.keys(target)[0] ?? ''

const targetOf = ({ target }: Lock): string => `${kindOf(target)} ${Object.values(target)[0] ?? ''}`

const columns = (): readonly Column<Lock>[] => [
  { title: a('target'), sort: 'target', narrow: 'first', cell: (lock) => <Target lock={lock} /> },
  {
    title: a('message'),
    narrow: 'second',
    rest: true,
    cell: ({ target, message }) => (
      <>
        <span class="on-phone quiet">{kindOf(target)} · </span>
        {message ?? <span class="quiet">–</span>}
      </>
    ),
  },
  { title: a('by'), cell: ({ by }) => by ?? <span class="quiet">–</span> },
  { title: a('created'), sort: 'created', cell: ({ created }) => <Time at={created} /> },
  {
    title: a('ends'),
    sort: 'expires',
    narrow: 'corner',
    cell: ({ expires }) => (expires === null ? a('byHand') : <Time at={expires} />),
  },
  { title: a('action'), narrow: 'act', cell: (lock) => <Unlock lock={lock} class="plain small" /> },
]

const PAGES: Readonly<Record<string, string>> = {
  user: 'people',
  role: 'roles',
  app: 'apps',
  agent: 'agents',
}

function Target({ lock }: { readonly lock: Lock }) {
  const [[kind, name] = ['', '']] = Object.entries(lock.target)
  const page = PAGES[kind]
  return page === undefined ? (
    <span>{targetOf(lock)}</span>
  ) : (
    <>
      <a href={to(page, name)}>{name}</a> <span class="quiet on-screen">{kindOf(lock.target)}</span>
    </>
  )
}

/** Locks several rows of a list. */
export const lockAction = <T,>(target: (row: T) => readonly [LockKind, string]): ListAction<T> => ({
  verb: a('lock'),
  right: 'lock.create',
  destructive: true,
  help: a('lockHelp'),
  call(row) {
    const [kind, name] = target(row)
    return ['POST', '/locks', { target: { [kind]: name } }]
  },
})

function Unlock({ lock, ...look }: { readonly lock: Lock; readonly class: string }) {
  const name = targetOf(lock)
  return (
    <ConfirmButton
      right="lock.delete"
      verb={a('unlock')}
      label={`${a('unlock')}: ${name}`}
      class={look.class}
      title={a('unlockTitle', { name })}
      confirm={async () => {
        await call('DELETE', `/locks/${lock.id}`)
        announce(a('unlocked', { name }))
      }}
    >
      <p>{a('unlockHelp')}</p>
    </ConfirmButton>
  )
}

/** What a lock is about; a person is also locked by a lock of one of the roles. */
interface LockTarget {
  readonly kind: LockKind
  readonly name: string
  readonly roles?: readonly string[]
}

/** The locks of a target. They are loaded once for the whole page. */
function useLocksOf({ kind, name, roles = [] }: LockTarget): readonly Lock[] {
  const { data = [] } = useResource<readonly Lock[]>(may('lock.list') ? '/locks' : null, ['lock'])
  return data.filter(
    ({ target }) =>
      target[kind]?.toLowerCase() === name.toLowerCase() ||
      (target.role !== undefined && roles.includes(target.role)),
  )
}

/** Why something is locked, by whom and until when. */
const LockText = ({ lock }: { readonly lock: Lock }) => (
  <div>
    <p>
      <strong>{a('isLocked', { name: targetOf(lock) })}</strong> {lock.message}
    </p>
    <p class="quiet">
      {lock.by !== null && a('lockedBy', { name: lock.by })} <Time at={lock.created} />
      {' · '}
      {lock.expires === null ? a('untilUnlocked') : [a('ends'), ' ', <Time key="ends" at={lock.expires} />]}
    </p>
  </div>
)

/** Says on the page of a person, role, app or agent that it is locked, by whom and until when. */
export const LockBanner = (target: LockTarget) =>
  useLocksOf(target).map((lock) => (
    <div key={lock.id} class="notice bad lock-banner" role="status">
      <LockText lock={lock} />
      <Unlock lock={lock} class="plain" />
    </div>
  ))

/** In lists, beside the name or state of what is locked: opens the message, by whom and until when, with a button to unlock. */
export const Locked = ({ is, ...target }: LockTarget & { readonly is: boolean }) =>
  !is ? null : may('lock.list') ? (
    <DialogButton
      right="lock.list"
      text={a('lockedState')}
      class="tag bad"
      label={`${a('lockedState')}: ${target.name}`}
      dialog={(close) => <LockDialog {...target} onClose={close} />}
    />
  ) : (
    <span class="tag bad">{a('lockedState')}</span>
  )

function LockDialog({ onClose, ...target }: LockTarget & { onClose(): void }) {
  const locks = useLocksOf(target)
  const action = useAction()
  const unlock = async (lock: Lock) => {
    await call('DELETE', `/locks/${lock.id}`)
    announce(a('unlocked', { name: targetOf(lock) }))
    onClose()
  }
  return (
    <Dialog title={a('isLocked', { name: target.name })} onClose={onClose}>
      {locks.map((lock) => (
        <div key={lock.id} class="notice bad lock-banner">
          <LockText lock={lock} />
          <Needs right="lock.delete">
            <button
              type="button"
              class="plain"
              disabled={action.busy}
              aria-label={`${a('unlock')}: ${targetOf(lock)}`}
              onClick={() => void action.run(() => unlock(lock))}
            >
              {a('unlock')}
            </button>
          </Needs>
        </div>
      ))}
      <ActionError error={action.error} />
      <p class="quiet">{a('unlockHelp')}</p>
      <div class="actions">
        <button type="button" class="plain" onClick={onClose}>
          {a('cancel')}
        </button>
      </div>
    </Dialog>
  )
}

/** All locks. */
export function Locks() {
  return (
    <>
      <PageHead title={a('locks')} help={a('locksHelp')}>
        <DialogButton
          right="lock.create"
          text={a('addLock')}
          class=""
          isOpen={place.value.query.has('add')}
          dialog={(close) => <AddLock onClose={close} />}
        />
      </PageHead>
      <Listing<Lock>
        path="/locks"
        kinds={['lock']}
        label={a('locks')}
        columns={columns()}
        keyOf={({ id }) => id}
        search={a('lockFilter')}
        states={Object.fromEntries(kinds())}
        actions={[
          {
            verb: a('unlock'),
            right: 'lock.delete',
            help: a('unlockHelp'),
            call: ({ id }) => ['DELETE', `/locks/${encodeURIComponent(id)}`],
          },
        ]}
        empty={<Nothing title={a('noLocks')} help={a('noLocksHelp')} />}
      />
    </>
  )
}

/** Locks a target that is given or chosen. Says how many live connections it cut. */
export function AddLock(props: { readonly target?: readonly [LockKind, string]; onClose(): void }) {
  const { target, onClose } = props
  const [kind, setKind] = useState<LockKind>(target?.[0] ?? 'user')
  const [name, setName] = useState(target?.[1] ?? '')
  const [message, setMessage] = useState('')
  const [ttl, setTtl] = useState('')
  const submit = async () => {
    const ttl_seconds = ttl === '' ? null : Number(ttl)
    const body = { target: { [kind]: name }, message: message || null, ttl_seconds }
    const lock = await call<Lock & { cut?: { streams?: number } }>('POST', '/locks', body)
    announce(a('locked', { name: targetOf(lock), count: lock.cut?.streams ?? 0 }))
    onClose()
  }
  return (
    <FormDialog
      title={target ? a('lockTitle', { name }) : a('addLock')}
      verb={a('lock')}
      destructive
      ready={name !== ''}
      submit={submit}
      onClose={onClose}
    >
      <p class="quiet">{a('lockHelp')}</p>
      {!target && (
        <>
          <ChoiceField
            label={a('what')}
            value={kind}
            options={kinds()}
            onChange={(value) => setKind(value as LockKind)}
          />
          <TextField label={a('name')} value={name} required onChange={setName} />
        </>
      )}
      <TextField label={a('message')} help={a('lockMessageHelp')} value={message} onChange={setMessage} />
      <ChoiceField
        label={a('ends')}
        value={ttl}
        options={[
          ['', a('byHand')],
          ['900', a('minutes', { count: 15 })],
          ['3600', a('oneHour')],
          ['86400', a('days', { count: 1 })],
        ]}
        onChange={setTtl}
      />
    </FormDialog>
  )
}
