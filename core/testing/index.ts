export { type ConformTest, conformTransport, type OpenCarrier } from './conform-transport.ts'
export { FakeIssuer, type Misbehaviour } from './fake-issuer.ts'
export { MemoryTunnel } from './memory-tunnel.ts'
export { type Answer, type Ask, Visitor } from './visitor.ts'
