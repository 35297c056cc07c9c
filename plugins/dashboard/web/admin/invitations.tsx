import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { reload, useResource } from '../live.ts'
import { DialogButton, FormDialog, RemoveButton } from './dialogs.tsx'
import { ChoiceField, TextField } from './fields.tsx'
import { LocalListing } from './local-listing.tsx'
import { Badges, Copyable, Nothing, Section, Time } from './parts.tsx'
import { may } from './rights.tsx'
import { RoleChoice } from './role-forms.tsx'
import { to } from './router.ts'
import { a } from './text.ts'

type Invitation = Responses['GET /invitations'][number]

const PATH = '/invitations'
const KINDS = ['invitation', 'user', 'role', 'lock', 'grant']

/** Undefined without the right, which nobody has without the plugin for passkeys, and until they are known. */
const useInvitations = () =>
  useResource<readonly Invitation[]>(may('invitation.list') ? PATH : null, KINDS).data

const words: Readonly<Record<string, string>> = {
  open: a('invitationOpen'),
  name_taken: a('invitationNameTaken'),
  role_gone: a('invitationRoleGone'),
  inviter_gone: a('invitationInviterGone'),
  inviter_locked: a('invitationInviterLocked'),
  right_lost: a('invitationRightLost'),
}
const wordFor = ({ state }: Invitation): string => words[state] ?? state

/** The button that makes a link for a person without an account. */
export function InvitePerson() {
  return (
    <DialogButton
      right="invitation.create"
      text={a('invitePerson')}
      dialog={(close) => <Invite onClose={close} />}
    />
  )
}

/** The invitations that nobody has used yet; nothing if there are none. */
export function Invitations() {
  const rows = useInvitations()
  if (rows === undefined || rows.length === 0) return null
  return (
    <Section title={a('invitations')}>
      <LocalListing
        label={a('invitations')}
        file="invitations.csv"
        rows={rows}
        keyOf={({ id }) => id}
        columns={[
          { title: a('name'), narrow: 'first', value: ({ name }) => name, cell: ({ name }) => name },
          {
            title: a('roles'),
            narrow: 'second',
            value: ({ roles }) => roles.join(' '),
            cell: ({ roles }) => <Badges few names={roles} href={(role) => to('roles', role)} />,
          },
          { title: a('state'), value: wordFor, cell: wordFor },
          { title: a('invitedBy'), value: ({ inviter }) => inviter, cell: ({ inviter }) => inviter },
          {
            title: a('ends'),
            narrow: 'corner',
            value: ({ expires }) => expires,
            cell: ({ expires }) => <Time at={expires} />,
          },
          {
            title: a('action'),
            narrow: 'act',
            value: () => '',
            cell: ({ id, name }) => (
              <RemoveButton
                right="invitation.delete"
                name={name}
                title={a('removeInvitation', { name })}
                help={a('removeInvitationHelp')}
                path={`${PATH}/${id}`}
                kinds={KINDS}
              />
            ),
          },
        ]}
        empty={<Nothing title={a('nothingFound')} />}
      />
    </Section>
  )
}

function Invite({ onClose }: { onClose(): void }) {
  const [name, setName] = useState('')
  const [roles, setRoles] = useState<readonly string[]>([])
  const [ttl, setTtl] = useState('259200')
  const [made, setMade] = useState<Responses['POST /invitations'] | null>(null)
  const submit = async () => {
    const ttl_seconds = Number(ttl)
    setMade(await call<Responses['POST /invitations']>('POST', PATH, { name, roles, ttl_seconds }))
    reload(KINDS)
  }
  return (
    <FormDialog
      title={a('invitePerson')}
      verb={a('invite')}
      ready={name !== '' && roles.length > 0}
      submit={submit}
      onClose={onClose}
      result={
        made && (
          <>
            <p>{a('invitationMade', { name: made.name })}</p>
            <Copyable text={made.link} />
            <div class="actions">
              <button type="button" onClick={onClose}>
                {a('done')}
              </button>
            </div>
          </>
        )
      }
    >
      <p class="quiet">{a('invitePersonHelp')}</p>
      <TextField label={a('name')} value={name} required placeholder="erin@example.com" onChange={setName} />
      <RoleChoice chosen={roles} onChange={setRoles} />
      <ChoiceField
        label={a('validFor')}
        value={ttl}
        options={[1, 3, 7, 30].map((count) => [String(count * 86_400), a('days', { count })] as const)}
        onChange={setTtl}
      />
    </FormDialog>
  )
}
