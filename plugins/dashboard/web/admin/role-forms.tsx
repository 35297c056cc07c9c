import { useState } from 'preact/hooks'
import { call, replaces } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { announce, FormDialog } from './dialogs.tsx'
import { CheckField, readNames, TextField } from './fields.tsx'
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

/** Edits the roles that administrators gave; shows what somebody else changes meanwhile. */
export function EditRoles({ person, onClose }: { readonly person: Person; onClose(): void }) {
  const [roles, setRoles] = useState<readonly string[]>(person.own_roles)
  /** Version that the person has seen, and that saving replaces. */
  const [seen, setSeen] = useState(person.etag)
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
          onTake={() => {
            setRoles(person.own_roles)
            setSeen(person.etag)
          }}
          onKeep={() => setSeen(person.etag)}
        />
      )}
      <RoleChoice chosen={roles} onChange={setRoles} />
    </FormDialog>
  )
}

/** The roles that exist as check boxes, and room for others. */
export function RoleChoice(props: {
  readonly chosen: readonly string[]
  onChange(roles: readonly string[]): void
}) {
  const { chosen, onChange } = props
  const roles = useResource<readonly Role[]>('/roles', ['role'])
  const known = ['admin', 'access', ...(roles.data ?? []).map(({ metadata }) => metadata.name)]
  const others = chosen.filter((name) => !known.includes(name))
  return (
    <fieldset class="field">
      <legend>{a('roles')}</legend>
      {known.map((name) => (
        <CheckField
          key={name}
          label={name}
          help={name === 'admin' ? a('adminRole') : name === 'access' ? a('accessRole') : undefined}
          value={chosen.includes(name)}
          onChange={(on) => onChange(on ? [...chosen, name] : chosen.filter((one) => one !== name))}
        />
      ))}
      {others.length > 0 && (
        <TextField
          label={a('otherRoles')}
          value={others.join(' ')}
          onChange={(text) =>
            onChange([...chosen.filter((name) => known.includes(name)), ...readNames(text)])
          }
        />
      )}
    </fieldset>
  )
}
