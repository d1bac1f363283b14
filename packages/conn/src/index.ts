export {
  DEFAULT_PORT,
  isDialable,
  legacyText,
  netAddress,
  type PeerAddress,
  parseAddress,
  parseAddresses,
} from './address.js'
export type {
  Conn,
  ConnConfig,
  ConnCounts,
  ConnGraph,
  ConnOptions,
} from './conn.js'
export { createConn } from './conn.js'
export type { ConnPeer } from './connections.js'
export { ConnError, type ConnErrorCode } from './errors.js'
export { isHost, isLocalNetworkHost, isLoopbackHost, isPublicHost } from './host.js'
export { type InviteCode, parseInvite, printInvite, printModernInvite } from './invite-code.js'
export type { LanConfig, LanPacketCounts } from './lan.js'
export { CONN_LIMITS, type ConnLimits } from './limits.js'
export { type LocalAddress, systemUdp, type UdpPort, type UdpSocket } from './udp.js'
