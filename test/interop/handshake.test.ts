import { describe, expect, test } from 'vitest'
import { PEER_KINDS } from './foreign-peer.js'
import { newKeys, newNetworkKey, startDunbar, startPeer } from './pair.js'

describe.each(PEER_KINDS)('towards %s', (kind) => {
  test('another network key is told as what it is', async () => {
    const [ours, theirs] = await Promise.all([
      startDunbar(newNetworkKey()),
      startPeer(kind, newNetworkKey()),
    ])
    await expect(ours.connect(theirs.address)).rejects.toThrow(/network key/)
  })

  test('another identity than the one dialled is told as what it is', async () => {
    const networkKey = newNetworkKey()
    const [ours, theirs] = await Promise.all([startDunbar(networkKey), startPeer(kind, networkKey)])
    const [before] = theirs.address.split('~')
    const other = newKeys().public.replace('.ed25519', '')
    await expect(ours.connect(`${before}~shs:${other}`)).rejects.toThrow(/identity/)
  })
})
