import { readFile } from 'node:fs/promises'
import { defineHubPlugin, MezError, Type } from '@mezite/core'
import { createNetworks, isNetwork, type Networks } from '@mezite/core/identity'

const Country = Type.String({ pattern: '^[A-Z]{2}$', description: 'Country, ISO 3166-1 alpha-2' })
const closed = { additionalProperties: false } as const

/**
 * Opens applications to the countries that their documents name. A table says which network is in which country; an address
 * that it does not have is in none, and denied.
 */
export default defineHubPlugin({
  name: 'geo-policy',
  api: 1,
  summary: 'Opens applications to countries',
  config: Type.Object(
    { table: Type.String({ pattern: '^/', description: 'File with lines NETWORK,COUNTRY' }) },
    closed,
  ),
  appConfig: Type.Object({ countries: Type.Array(Country, { minItems: 1 }) }, closed),
  setup({ config, tap, use }) {
    let countries: ReadonlyMap<string, Networks> = new Map()

    tap.lifecycle.start(async () => {
      countries = readTable(await readFile(config.table, 'utf8'), config.table)
    })
    // The table does not change while the hub runs, so the hub may remember a decision.
    tap.access.decide(
      ({ app, context: { clientIp } }, vote) => {
        const rule = use.appConfig(app)
        // Without an address nobody connects: an administrator asks for an explanation.
        if (rule === null || clientIp === null) return
        if (rule.countries.some((one) => countries.get(one)?.has(clientIp))) return
        vote.deny('country_denied', { message: `${app.name} is open in ${rule.countries.join(', ')} only.` })
      },
      { pure: true },
    )
  },
})

function readTable(text: string, file: string): ReadonlyMap<string, Networks> {
  const networks = new Map<string, string[]>()
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (line === '' || line.startsWith('#')) continue
    const [network = '', country = '', ...rest] = line.split(',')
    if (!isNetwork(network) || !/^[A-Z]{2}$/.test(country) || rest.length > 0)
      throw new MezError('MEZ_CONFIG_INVALID', `line ${at + 1} of ${file} is not NETWORK,COUNTRY`)
    const known = networks.get(country)
    if (known) known.push(network)
    else networks.set(country, [network])
  }
  return new Map([...networks].map(([country, list]) => [country, createNetworks(list)]))
}
