import { PersonCommand } from '@mezite/cli/identity'

/** An application that the person may open. */
interface ListedApp {
  readonly name: string
}

/** `msh hello`, which calls the hub as the signed-in person. */
export default class Hello extends PersonCommand {
  static override summary = 'Say how many applications you may open'

  async run() {
    const { flags } = await this.parse(Hello)
    const apps = await this.call<readonly ListedApp[]>(flags, 'GET', '/me/apps')
    await this.show(flags, { apps: apps.length }, () => `Hello. You may open ${apps.length} applications.`)
  }
}
