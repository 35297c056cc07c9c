import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import type { Responses } from '../api-types.ts'
import { useResource } from '../live.ts'
import { ActionError, Dialog, DialogButton, useAction } from './dialogs.tsx'
import { CheckField } from './fields.tsx'
import { Copyable, Nothing, Section, Shown, Table, Time } from './parts.tsx'
import type { Person } from './people.tsx'
import { a } from './text.ts'

type Passkey = Responses['GET /users/{name}/mfa'][number]

/** A person's passkeys, and a link with which they add one. Nothing without the plugin for passkeys. */
export function Passkeys({ person }: { readonly person: Person }) {
  const { name: user } = person
  const keys = useResource<readonly Passkey[]>(`/users/${encodeURIComponent(user)}/mfa`, [
    'user',
    'key',
    'passkey',
  ])
  if (keys.error?.status === 404) return null
  return (
    <Section
      title={a('passkeys')}
      tools={
        <DialogButton
          text={a('enrolmentLink')}
          class="plain small"
          dialog={(close) => <EnrolmentLink person={person} onClose={close} />}
        />
      }
    >
      <Shown of={keys}>
        {(rows) => (
          <Table
            label={a('passkeys')}
            rows={rows}
            keyOf={({ id }) => id}
            columns={[
              { title: a('name'), cell: (key) => key.name ?? a('enrolmentLink') },
              { title: a('created'), cell: (key) => <Time at={key.created} /> },
              { title: a('lastUsed'), cell: (key) => <Time at={key.last_used} /> },
            ]}
            empty={<Nothing title={a('noPasskeys')} />}
          />
        )}
      </Shown>
    </Section>
  )
}

function EnrolmentLink({ person, onClose }: { readonly person: Person; onClose(): void }) {
  const { name: user, connector } = person
  const [link, setLink] = useState<string | null>(null)
  const connectors = useResource<readonly unknown[]>('/connectors', ['connector'])
  const [chosen, setChosen] = useState<boolean | null>(null)
  const signsIn = chosen ?? connectors.data?.length === 0
  const action = useAction()
  const create = () =>
    action.run(async () => {
      const made = await call<Responses['POST /users/{name}/mfa']>(
        'POST',
        `/users/${encodeURIComponent(user)}/mfa`,
        {
          type: 'webauthn',
          ...(connector === null && signsIn ? { sign_in: true } : {}),
        },
      )
      setLink(made.link)
    })
  return (
    <Dialog title={a('enrolmentLink')} onClose={onClose}>
      <p>{a('enrolmentHelp', { name: user })}</p>
      {connector === null && link === null && (
        <CheckField
          label={a('passkeyOnly')}
          help={a('passkeyOnlyHelp')}
          value={signsIn}
          onChange={setChosen}
        />
      )}
      {link && <Copyable text={link} />}
      <ActionError error={action.error} />
      <div class="actions">
        {link === null && (
          <button type="button" disabled={action.busy} onClick={() => void create()}>
            {a('createLink')}
          </button>
        )}
        <button type="button" class="plain" onClick={onClose}>
          {link === null ? a('cancel') : a('done')}
        </button>
      </div>
    </Dialog>
  )
}
