/** Where the hub takes tunnels over WebTransport. */
export const PATH = '/v1/tunnel/webtransport'
