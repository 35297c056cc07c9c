/** The path at which the hub accepts tunnels over WebTransport. */
export const PATH = '/v1/tunnel/webtransport'
