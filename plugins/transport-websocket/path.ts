/** The path at which the hub accepts tunnels over WebSocket. */
export const PATH = '/v1/tunnel/websocket'
