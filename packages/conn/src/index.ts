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
  ConnGraph,
  ConnOptions,
  ConnPeer,
  LanConfig,
} from './conn.js'
export { ConnError, type ConnErrorCode } from './errors.js'
export { type InviteCode, parseInvite, printInvite, printModernInvite } from './invite-code.js'
export { CONN_LIMITS, type ConnLimits } from './limits.js'
export { type LocalAddress, systemUdp, type UdpPort, type UdpSocket } from './udp.js'
