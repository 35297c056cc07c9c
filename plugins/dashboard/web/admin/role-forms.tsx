import { useState } from 'preact/hooks'
import { call, replaces } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { announce, FormDialog } from './dialogs.tsx'
import { readNames, TextField } from './fields.tsx'
import { NamesField } from './names-field.tsx'
import { ConflictNotice } from './parts.tsx'
import type { Person } from './people.tsx'
import { go } from './router.ts'
import { a } from './text.ts'

type Role = Responses['GET /roles'][number]

/** Adds a person who has not signed in yet, with roles. */
export function AddPerson({ onClose }: { onClose(): void }) {
  const [name, setName] = useState('')
  const [roles, setRoles] = useState<readonly string[]>([])
  const submit = async () => {
    await call('POST', '/users', { name, roles })
    announce(a('personAdded', { name }))
    onClose()
    go(`/people/${encodeURIComponent(name)}`)
  }
  return (
    <FormDialog
      title={a('addPerson')}
      verb={a('addPerson')}
      ready={name !== ''}
      submit={submit}
      onClose={onClose}
    >
      <p class="quiet">{a('addPersonHelp')}</p>
      <TextField label={a('name')} value={name} required placeholder="carol@example.com" onChange={setName} />
      <RoleChoice chosen={roles} onChange={setRoles} />
    </FormDialog>
  )
}

/** Edits the roles that administrators gave. Follows what somebody else saves, and asks once there are changes of one's own. */
export function EditRoles({ person, onClose }: { readonly person: Person; onClose(): void }) {
  /** The roles that were chosen, and the version of the person that they replace; null: nothing was changed yet. */
  const [draft, setDraft] = useState<{ readonly roles: readonly string[]; readonly seen: string } | null>(
    null,
  )
  const { roles, seen } = draft ?? { roles: person.own_roles, seen: person.etag }
  const conflict = seen !== person.etag
  const submit = async () => {
    await call('PATCH', `/users/${encodeURIComponent(person.name)}`, { roles }, replaces(seen))
    announce(a('saved', { name: person.name }))
    onClose()
  }
  return (
    <FormDialog
      title={a('editRolesOf', { name: person.name })}
      verb={a('save')}
      ready={!conflict}
      submit={submit}
      onClose={onClose}
    >
      <p class="quiet">{a('editRolesHelp')}</p>
      {conflict && (
        <ConflictNotice
          text={a('rolesChangedMeanwhile', { roles: person.own_roles.join(', ') || '–' })}
          onTake={() => setDraft(null)}
          onKeep={() => setDraft({ roles, seen: person.etag })}
        />
      )}
      <RoleChoice chosen={roles} onChange={(roles) => setDraft({ roles, seen })} />
    </FormDialog>
  )
}

/** Roles that exist, found by typing. */
export function RoleChoice({
  chosen,
  onChange,
}: {
  readonly chosen: readonly string[]
  onChange(roles: readonly string[]): void
}) {
  const roles = useResource<readonly Role[]>('/roles', ['role'])
  const options = [
    { name: 'admin', more: a('adminRole') },
    { name: 'access', more: a('accessRole') },
    ...(roles.data ?? []).map(({ metadata: { name, description } }) => ({ name, more: description })),
  ]
  // Somebody who may not list roles knows the names of those to give.
  if (roles.error !== undefined) return <RoleNames onChange={onChange} />
  return <NamesField label={a('roles')} options={options} chosen={chosen} onChange={onChange} />
}

function RoleNames({ onChange }: { onChange(roles: readonly string[]): void }) {
  const [text, setText] = useState('')
  const typed = (next: string) => {
    setText(next)
    onChange(readNames(next))
  }
  return <TextField label={a('roles')} value={text} onChange={typed} />
}
