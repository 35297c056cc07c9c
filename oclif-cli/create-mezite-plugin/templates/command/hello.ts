import { BaseCommand } from '@mezite/cli'

/** `mezctl hello`, with the output formats of the built-in commands. */
export default class Hello extends BaseCommand {
  static override summary = 'Say hello'

  async run() {
    const { flags } = await this.parse(Hello)
    await this.show(flags, { hello: 'world' }, () => 'Hello, world.')
  }
}
