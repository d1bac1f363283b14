export type { ByteDuplex, ByteDuplexEvents } from './byte-duplex.js'
export type { StreamOptions } from './caller.js'
export { type ConnectUnixOptions, connectUnix, type Peer } from './connect.js'
export { type ConnectionOptions, type ConnectionStats, RpcConnection } from './connection.js'
export { WireError, type WireErrorCode } from './errors.js'
export { ItemStream, type WhenFull } from './item-stream.js'
export {
  ADMISSION_LIMITS,
  type AdmissionLimits,
  CLIENT_LIMITS,
  PEER_LIMITS,
  SERVER_LIMITS,
  SOCKET_CONNECTIONS,
  type WireLimits,
} from './limits.js'
export { type Manifest, manifestOf, methodTable, withManifest, writeManifest } from './manifest.js'
export { MessageBatch, type MessageShape, type StoredMessage } from './message-batch.js'
export type { Method, MethodCall, MethodTable, MethodType } from './method.js'
export { type BodyWriter, RawBatch, RawJson } from './raw.js'
export type { ReceivedBatch } from './received.js'
export { multiserverAddress, type SecurePeer } from './secure-peer.js'
export { type ServeUnixOptions, serveUnixSocket, type UnixServer } from './server.js'
export { socketDuplex } from './socket.js'
export { type DialTcpOptions, dialTcp } from './tcp-dial.js'
export { type Refusal, type ServeTcpOptions, serveTcp, type TcpServer } from './tcp-server.js'
export { UnsentTotal } from './unsent-total.js'
export type { WireClock, WireLogger, WireTimers } from './wire-ports.js'
