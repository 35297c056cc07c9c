import { PersonCommand } from '@mezite/cli/identity'

/** An application that the person may open. */
interface ListedApp {
  readonly name: string
  /** Where a browser opens it; null or absent if none can. */
  readonly url?: string | null
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const asMarkup = (text: string) => text.replace(/[&<>"]/g, (one) => ENTITIES[one]!)

/** `msh bookmarks > mezite.html`: a file that every browser imports. */
class Bookmarks extends PersonCommand {
  static override summary = 'Print bookmarks of the apps that you may open, for a browser to import'
  static override examples = ['<%= config.bin %> <%= command.id %> > mezite.html']

  async run(): Promise<void> {
    const { flags } = await this.parse(Bookmarks)
    const apps = await this.call<readonly ListedApp[]>(flags, 'GET', '/me/apps')
    const found = apps.flatMap(({ name, url }) => (url ? [{ name, url }] : []))
    const lines = found.map(({ name, url }) => `<DT><A HREF="${asMarkup(url)}">${asMarkup(name)}</A>`)
    await this.show(flags, found, () =>
      ['<!DOCTYPE NETSCAPE-Bookmark-file-1>', '<TITLE>Mezite</TITLE>', '<DL>', ...lines, '</DL>'].join('\n'),
    )
  }
}

/** The commands by id; `package.json` names this export. */
export const COMMANDS = { bookmarks: Bookmarks }
