import { useState } from 'preact/hooks'
import { call } from '../api.ts'
import { useResource } from '../live.ts'
import { ActionError, Dialog, DialogButton, useAction } from './dialogs.tsx'
import { Copyable, Nothing, Section, Shown, Table, Time } from './parts.tsx'
import { a } from './text.ts'

interface Passkey {
  readonly id: string
  readonly name: string
  readonly created: string
  readonly last_used: string | null
}

/** A person's passkeys, and a link with which they add one. Nothing without the plugin for passkeys. */
export function Passkeys({ user }: { readonly user: string }) {
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
          dialog={(close) => <EnrolmentLink user={user} onClose={close} />}
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
              { title: a('name'), cell: (key) => key.name },
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

function EnrolmentLink({ user, onClose }: { readonly user: string; onClose(): void }) {
  const [link, setLink] = useState<string | null>(null)
  const action = useAction()
  const create = () =>
    action.run(async () => {
      const made = await call<{ link: string }>('POST', `/users/${encodeURIComponent(user)}/mfa`, {
        type: 'webauthn',
      })
      setLink(made.link)
    })
  return (
    <Dialog title={a('enrolmentLink')} onClose={onClose}>
      <p>{a('enrolmentHelp', { name: user })}</p>
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
