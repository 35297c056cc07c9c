import type { Visitor } from '@mezite/core/testing'
import type { Cluster } from '../cluster.ts'
import { people } from '../people.ts'
import { mshSteps, robotSteps } from './msh-steps.ts'
import { operatorSteps } from './operator-steps.ts'
import { passkeySteps } from './passkey-steps.ts'
import { personSteps, trafficSteps } from './person-steps.ts'
import { requestSteps } from './request-steps.ts'

/** Uses the cluster as each person and as the operator, and prints a table. True if every step succeeded. */
export async function check(cluster: Cluster, print: (line: string) => void): Promise<boolean> {
  const visitors = new Map<string, Visitor>()
  const [alice] = people
  const visitor = () => visitors.get(alice.id)!
  const steps = [
    ...personSteps(cluster, visitors),
    ...requestSteps(cluster, visitors),
    ...trafficSteps(cluster, visitor, alice),
    ...mshSteps(cluster, alice),
    ...operatorSteps(cluster, visitor, alice),
    ...robotSteps(cluster),
    // Last, because the sign-in page offers a choice from then on.
    ...passkeySteps(cluster),
  ]
  const width = Math.max(...steps.map((step) => step.name.length))
  let failed = 0
  for (const step of steps) {
    const start = performance.now()
    const problem = await step.run().then(
      () => null,
      (error: Error) => error.message,
    )
    const took = `${Math.round(performance.now() - start)} ms`.padStart(8)
    if (problem !== null) failed++
    print(`  ${step.name.padEnd(width)}  ${problem === null ? 'ok    ' : 'FAILED'} ${took}`)
    if (problem !== null) print(`      ${problem}`)
  }
  print(`\n${steps.length - failed} passed, ${failed} failed`)
  return failed === 0
}
