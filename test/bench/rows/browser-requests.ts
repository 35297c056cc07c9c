import type { BenchMachine } from '../bench-machine.ts'
import { present } from '../measure.ts'
import { type Figure, least, most } from '../row.ts'
import { PLAIN } from '../targets/plain-proxy.ts'
import { againstOlder, askedBy, costsAgainst, ratesAgainst, type Shape } from './requests.ts'

/** With `Host`, `Origin`, `Accept`, `User-Agent` and the cookie, 15 lines, as Chromium sends them for a call of a page. */
export const FROM_BROWSER: Shape = {
  path: '/application/1024',
  fields: [
    'sec-ch-ua-platform: "Linux"',
    'Accept-Language: en-GB,en;q=0.9,de;q=0.8',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'sec-ch-ua: "Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"',
    'sec-ch-ua-mobile: ?0',
    'Sec-Fetch-Site: same-origin',
    'Sec-Fetch-Mode: cors',
    'Sec-Fetch-Dest: empty',
    'Cache-Control: no-cache',
    'DNT: 1',
  ],
}

export const browserRequests = {
  name: 'browser-requests',
  summary: "the same with a browser's head of 15 lines and an application's response of 13, 64 connections",
  compares:
    'equal: TLS, request and response heads, connections, load generators. Not equal: see what each includes',
  async run(machine: BenchMachine): Promise<Figure[]> {
    if (machine.lacks(['h2load'])) return []
    const { many } = await machine.ours()
    const older = (await machine.older())?.many ?? null
    const plain = await machine.plainProxy()
    const peers = present([await machine.nginx(), await machine.nginxOverSsh()])
    const of = await askedBy(machine, present([many, plain, older, ...peers]), 64, FROM_BROWSER)
    for (const target of present([many, plain, older, ...peers]))
      machine.note(`${target.name} includes: ${target.includes}`)
    const what = ', heads of a browser and an application'
    return [
      ...costsAgainst(what, [many, of(many)], [plain, of(plain)], {
        hub: most(1.05, 0.85),
        agent: most(0.25, 0.18),
        database: most(0.12, 0.07),
      }),
      ...ratesAgainst(
        `requests${what}`,
        of(many),
        [plain, ...peers].map((target) => [target, of(target)] as const),
        { [PLAIN]: least(1, 1.15) },
      ),
      ...againstOlder(what, of(many), older && [older, of(older)]),
    ]
  },
}
