export interface AgentTable {
  readonly hostname: string
  readonly created: Date
  /** Serial of the newest certificate, lower-case hex. */
  readonly cert_serial: string
  /** The previous certificate, until the newest was used once: an agent may crash before it has stored the newest. */
  readonly previous_serial: string | null
  readonly cert_expires: Date
  /** Increases with every certificate. */
  readonly generation: number
  /** Id of the key of the agent CA that signed the newest certificate; null: issued before keys had ids. */
  readonly cert_authority: string | null
  /** Pins of the hub CA that the agent reported as stored, comma-separated. */
  readonly hub_ca_pins: string | null
}

export interface JoinTokenTable {
  readonly id: string
  /** SHA-256 of the token, hex. */
  readonly hash: string
  readonly agent_hostname: string | null
  readonly created: Date
  readonly expires: Date
  readonly used_at: Date | null
  readonly used_by: string | null
  /** SHA-256 of the public key (SPKI) that the agent joined with, hex; null: not used yet, or by an older hub. */
  readonly used_key: string | null
  /** Serial of the certificate that the token was last exchanged for. */
  readonly used_serial: string | null
}

/** Tables of agents and their join tokens. */
export type AgentTables = {
  readonly agents: AgentTable
  readonly join_tokens: JoinTokenTable
}
