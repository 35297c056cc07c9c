import type { AppInput } from '../../api/administration.ts'
import type { App } from '../../api/app.ts'
import { resourceInvalid } from '../../api/resource.ts'
import type { SecretBox } from '../../api/secret-box.ts'
import { MezError } from '../../kernel/error.ts'
import type { StoredApp } from './app-index.ts'
import type { AppTable } from './migrations.ts'

/** Header values of apps that are stored encrypted and never shown. */
export type HeaderSecrets = ReturnType<typeof createHeaderSecrets>

type Sealed = Readonly<Record<string, string>>

export function createHeaderSecrets(secretBox: SecretBox) {
  const sealed = new WeakMap<App, Sealed>()
  const place = (id: string, name: string) => ({ table: 'apps', id, purpose: `header ${name.toLowerCase()}` })

  return {
    /**
     * The sealed values of an app for its row; null: it has none. A value that the document does not repeat is kept, unless
     * `uri` changes: an administrator who cannot read it must not be able to send it elsewhere. Throws `Problem` 400.
     */
    seal(id: string, input: AppInput, old: StoredApp | null): string | null {
      const names = input.headers.request.secret ?? []
      if (names.length === 0) return null
      const before = old === null ? {} : sealedIn(old.row)
      const made = names.map((name): readonly [string, string] => {
        const value = input.headerSecrets?.[name]
        if (value !== undefined)
          return [name, secretBox.seal(place(id, name), Buffer.from(value)).toString('base64')]
        const kept = Object.entries(before).find(([each]) => each.toLowerCase() === name.toLowerCase())?.[1]
        const path = ['spec', 'headers', 'request', 'set', name]
        if (kept === undefined)
          throw resourceInvalid([
            { path, message: 'no value is stored; set it to {file: PATH} or {env: NAME}' },
          ])
        if (old?.app?.uri !== input.uri)
          throw resourceInvalid([
            { path, message: 'needs its value again, because uri changes: {file: PATH} or {env: NAME}' },
          ])
        return [name, kept]
      })
      return JSON.stringify(Object.fromEntries(made))
    },
    /** Notes the sealed values of an app that was just read from this row. */
    note: (app: App, row: AppTable): void => void sealed.set(app, sealedIn(row)),
    /** See `Catalog.secretHeaders`. */
    open(app: App): readonly string[] {
      const names = app.headers.request.secret ?? []
      return names.flatMap((name) => {
        const bytes = sealed.get(app)?.[name]
        if (bytes === undefined)
          throw new MezError(
            'MEZ_SECRET_UNREADABLE',
            `${app.name}: the value of the header ${name} is not stored`,
          )
        return [name, secretBox.open(place(app.id, name), Buffer.from(bytes, 'base64')).toString()]
      })
    },
  }
}

const sealedIn = ({ secrets }: AppTable): Sealed => (secrets === null ? {} : JSON.parse(secrets))
