import { defineReasons } from '@mezite/core'

/** Why this plugin refuses, beside the reasons of the core. */
export const { reasons, problemFor } = defineReasons({
  agent_not_connected: { status: 409, next: 'The agent is not connected to any hub. `mezctl agents ls` says since when; start it, or run `mezd doctor` on its machine.' },
  app_proposal_not_allowed: { status: 409, next: 'No app source admits this agent, name or label any more. `mezctl app-sources ls` lists the rules.' },
  app_proposal_not_found: { status: 404, next: 'No proposal has this id: its agent has changed or withdrawn it, or it was accepted. `mezctl app-proposals ls` lists them.' },
  app_proposal_refused: { status: 409, next: 'The proposal was refused before. `mezctl app-proposals rm ID` removes the refusal; the agent then proposes it again.' },
})
