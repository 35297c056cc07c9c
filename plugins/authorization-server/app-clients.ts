/** The apps that sign people in through the hub: their clients, which operators make. */
export interface AppClients {
  /** The id of the app that this client belongs to; undefined for other clients. */
  appOf(clientId: string): string | undefined
}
