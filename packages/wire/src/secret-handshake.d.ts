/**
 * What wire uses of secret-handshake 1.1.21, which ships no types: the functions behind its
 * streams. Each does all its work inside the call. They throw on some hostile input, and on keys
 * of wrong lengths.
 */
declare module 'secret-handshake/crypto.js' {
  interface HandshakeState {
    readonly app_key: Buffer
    local: {
      kx_pk: Buffer
      kx_sk: Buffer | null
      publicKey: Buffer
      secretKey: Buffer
      app_mac: Buffer
    }
    remote: { publicKey?: Buffer; app_mac?: Buffer; kx_pk?: Buffer }
    /** Set by `clean`. */
    encryptKey?: Buffer
    decryptKey?: Buffer
  }

  /** Those that give a state change the one they are given, and give null where the check fails. */
  interface HandshakeCrypto {
    createChallenge(state: HandshakeState): Buffer
    verifyChallenge(state: HandshakeState, challenge: Buffer): HandshakeState | null
    clientVerifyChallenge(state: HandshakeState, challenge: Buffer): HandshakeState | null
    clientCreateAuth(state: HandshakeState): Buffer
    clientVerifyAccept(state: HandshakeState, accept: Buffer): HandshakeState | null
    serverVerifyAuth(state: HandshakeState, auth: Buffer): HandshakeState | null
    serverCreateAccept(state: HandshakeState): Buffer
    clean(state: HandshakeState): HandshakeState
  }
  const crypto: HandshakeCrypto
  namespace crypto {
    export type { HandshakeCrypto, HandshakeState }
  }
  export = crypto
}
