import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { announce, ConfirmButton, DialogButton, FormDialog } from './dialogs.tsx'
import { ChoiceField, TextField } from './fields.tsx'
import { Listing } from './listing.tsx'
import { type Column, Nothing, PageHead, Time } from './parts.tsx'
import { a } from './text.ts'

type Lock = Responses['GET /locks'][number]
export type LockKind = 'user' | 'role' | 'session' | 'app' | 'agent'

const KINDS: readonly (readonly [LockKind, string])[] = [
  ['user', a('person')],
  ['role', a('role')],
  ['app', a('app')],
  ['agent', a('agent')],
  ['session', a('session')],
]

function targetOf(lock: Lock): string {
  const [[kind, name] = ['', '']] = Object.entries(lock.target)
  return `${KINDS.find(([each]) => each === kind)?.[1] ?? kind} ${name}`
}

const columns: readonly Column<Lock>[] = [
  { title: a('target'), cell: targetOf },
  { title: a('message'), cell: ({ message }) => message ?? <span class="quiet">–</span> },
  { title: a('by'), cell: ({ by }) => by ?? <span class="quiet">–</span> },
  { title: a('created'), cell: ({ created }) => <Time at={created} /> },
  { title: a('ends'), cell: ({ expires }) => (expires === null ? a('byHand') : <Time at={expires} />) },
  { title: a('action'), cell: (lock) => <Unlock lock={lock} class="plain small" /> },
]

function Unlock({ lock, ...look }: { readonly lock: Lock; readonly class: string }) {
  const name = targetOf(lock)
  return (
    <ConfirmButton
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

/** Says on the page of a person, app or agent that it is locked, by whom and until when; a person also by a lock of a role. */
export function LockBanner({
  kind,
  name,
  roles = [],
}: {
  readonly kind: LockKind
  readonly name: string
  readonly roles?: readonly string[]
}) {
  const { data = [] } = useResource<readonly Lock[]>('/locks', ['lock'])
  const own = data.filter(
    ({ target }) =>
      target[kind]?.toLowerCase() === name.toLowerCase() ||
      (target.role !== undefined && roles.includes(target.role)),
  )
  return (
    <>
      {own.map((lock) => (
        <div key={lock.id} class="notice bad lock-banner" role="status">
          <div>
            <p>
              <strong>{a('isLocked', { name: targetOf(lock) })}</strong> {lock.message}
            </p>
            <p class="quiet">
              {lock.by !== null && a('lockedBy', { name: lock.by })} <Time at={lock.created} />
              {' · '}
              {lock.expires === null
                ? a('untilUnlocked')
                : [a('ends'), ' ', <Time key="ends" at={lock.expires} />]}
            </p>
          </div>
          <Unlock lock={lock} class="plain" />
        </div>
      ))}
    </>
  )
}

/** In lists, beside the name or state of what is locked. */
export const Locked = ({ is }: { readonly is: boolean }) =>
  is ? <span class="tag bad">{a('lockedState')}</span> : null

/** All locks. */
export function Locks() {
  return (
    <>
      <PageHead title={a('locks')} help={a('locksHelp')}>
        <DialogButton text={a('addLock')} class="" dialog={(close) => <AddLock onClose={close} />} />
      </PageHead>
      <Listing<Lock>
        path="/locks"
        kinds={['lock']}
        label={a('locks')}
        columns={columns}
        keyOf={({ id }) => id}
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
            options={KINDS}
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
