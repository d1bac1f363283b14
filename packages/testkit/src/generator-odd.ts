import type { BlobId, FeedId, MessageKey } from '@dunbar/core'
import { writeName, writeText } from './generator-text.js'
import type { SeededRandom } from './seeded-random.js'

export interface OddContent {
  readonly content: object
  readonly settle: (key: MessageKey) => void
}

interface Game {
  readonly root: MessageKey
  last: MessageKey
  ply: number
}

const gameLimit = 32
const nothing = (): void => {}

/** Contents of the many types that apps invent: code, games, gatherings, blogs, and shapes that only test data has. */
export class OddContents {
  readonly #random: SeededRandom
  readonly #blob: () => BlobId
  readonly #repositories: MessageKey[] = []
  readonly #games: Game[] = []

  constructor(random: SeededRandom, blob: () => BlobId) {
    this.#random = random
    this.#blob = blob
  }

  write(author: FeedId, language: string): OddContent {
    const random = this.#random
    switch (random.below(9)) {
      case 0:
      case 1:
        return this.#git()
      case 2:
      case 3:
        return this.#chess(author)
      case 4:
        return plain(this.#pub(author))
      case 5:
        return plain({
          type: 'gathering',
          title: writeName(random, language),
          startDateTime: { epoch: random.between(1.5e12, 1.8e12), tz: 'Pacific/Auckland' },
          tangles: { gathering: { root: null, previous: null } },
        })
      case 6:
        return plain({
          type: 'blog',
          title: writeName(random, language),
          summary: writeText(random, language, random.between(50, 300)),
          thumbnail: this.#blob(),
          blog: this.#blob(),
        })
      case 7:
        return plain({
          type: 'room/alias',
          action: 'registered',
          alias: writeName(random, 'english').replaceAll(/[^a-z]/g, ''),
          room: author,
          aliasURL: 'https://room.example/alias',
        })
      default:
        return plain(this.#strange())
    }
  }

  #git(): OddContent {
    const random = this.#random
    if (this.#repositories.length === 0 || random.chance(0.1)) {
      return {
        content: { type: 'git-repo', name: writeName(random, 'english') },
        settle: (key) => {
          this.#repositories.push(key)
          if (this.#repositories.length > gameLimit) this.#repositories.shift()
        },
      }
    }
    const commit = hex(random, 20)
    return plain({
      type: 'git-update',
      repo: random.pick(this.#repositories),
      refs: { 'refs/heads/master': commit },
      packs: [{ link: this.#blob(), size: random.between(100, 100_000) }],
      indexes: [{ link: this.#blob(), size: random.between(100, 5000) }],
      object_count: random.between(1, 400),
      commits: [{ sha1: commit, title: writeText(random, 'english', random.between(10, 60)) }],
    })
  }

  #chess(author: FeedId): OddContent {
    const random = this.#random
    const game = this.#games.length === 0 || random.chance(0.15) ? null : random.pick(this.#games)
    if (game === null) {
      return {
        content: {
          type: 'ssb_chess_invite',
          inviting: author,
          myColor: random.pick(['white', 'black']),
        },
        settle: (key) => {
          this.#games.push({ root: key, last: key, ply: 0 })
          if (this.#games.length > gameLimit) this.#games.shift()
        },
      }
    }
    const content = {
      type: 'ssb_chess_move',
      ply: game.ply + 1,
      root: game.root,
      branch: game.last,
      orig: `${random.pick([...'abcdefgh'])}2`,
      dest: `${random.pick([...'abcdefgh'])}${random.pick(['3', '4'])}`,
      fen: 'rnbqkbnr/pppppppp/8/8/4P3/8/PPPP1PPP/RNBQKBNR b KQkq e3 0 1',
    }
    return {
      content,
      settle: (key) => {
        game.last = key
        game.ply += 1
        // Games end, so that they stay shorter than long threads.
        if (game.ply === 12) this.#games.splice(this.#games.indexOf(game), 1)
      },
    }
  }

  #pub(author: FeedId): object {
    const host = `${writeName(this.#random, 'english').replaceAll(/[^a-z]/g, '')}.example`
    return { type: 'pub', address: { host, port: 8008, key: author } }
  }

  /** Keys that look like numbers, numbers at the edges, nesting, empty containers. */
  #strange(): object {
    const random = this.#random
    return {
      type: random.pick(['scat_message', 'npm-packages', 'x-experiment', 'タイプ', 'bookclub']),
      '10': 'integer keys come first when parsed',
      '2': random.next(),
      numbers: [0.1, 1e21, 1e-7, -5, 9007199254740991, random.next() * 1e300, 123456.789],
      nested: {
        list: [[], {}, [null, true, false, { '': '' }]],
        'key with "quotes"': '\u0000\u001f',
      },
      nothing: null,
      hex: hex(random, random.between(4, 40)),
    }
  }
}

function plain(content: object): OddContent {
  return { content, settle: nothing }
}

function hex(random: SeededRandom, sizeBytes: number): string {
  return Buffer.from(random.bytes(sizeBytes)).toString('hex')
}
