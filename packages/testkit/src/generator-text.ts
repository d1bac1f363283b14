import type { SeededRandom } from './seeded-random.js'

const words = (text: string): readonly string[] => text.split(' ')

/** Words by falling frequency: early ones are picked more often. */
const LANGUAGES: Readonly<Record<string, readonly string[]>> = {
  english: words(
    "the to and of I a is in that it for you on with this be have are not but as at was can so if my we what about just they from or will there one all like some more up how would out do has your think then an me people them when which by make other new know also get here could no see time way good work use very want because than into really it's going now need been their something only thing should over each any being still might first much well does through back code network message peer garden server boat community friend protocol offline hello solar python javascript butt crypto island music kitchen build question idea feed local maybe yesterday understand beautiful experiment decentralised infrastructure",
  ),
  german: words(
    'und die der das ist nicht ich zu es ein in mit auf für von dass wir auch so wie was aber hat kann sich schon über größer schön natürlich Straße Gemüse Übung Netzwerk Nachricht vielleicht Möglichkeit',
  ),
  spanish: words(
    'de que la el en y no los es por con una para está más también cómo año niño corazón mañana aquí después qué código red mensaje pingüino canción',
  ),
  russian: words(
    'и в не на я что с это как но по все у так мы же вы за от сеть сообщение привет можно теперь ещё друзья свобода ёлка',
  ),
  arabic: words('في من على أن هذا إلى ما لا كان مع كل عن شبكة رسالة مرحبا أصدقاء سلام غدا السَّلَامُ'),
  hebrew: words('של את לא על זה הוא אני עם כל גם יש אבל רשת הודעה שלום חברים מחר'),
  chinese: words(
    '我們 的 是 不 在 有 這個 網路 消息 朋友 今天 可以 什麼 花園 謝謝 去中心化 協議 你好 𠮷野家',
  ),
  japanese: words(
    'これ は です ネットワーク メッセージ 友達 今日 ありがとう こんにちは 分散 がんばって 東京 カタカナ',
  ),
  combining: words(
    'Zo\u0308e cafe\u0301 nai\u0308ve n\u0303andu\u0301 Vie\u0323\u0302t o\u0302\u0301i क्षेत्र नमस्ते ไทย ก็ 한글 각',
  ),
}

const LANGUAGE_SHARES: readonly (readonly [string, number])[] = [
  ['english', 0.8],
  ['german', 0.05],
  ['spanish', 0.04],
  ['russian', 0.03],
  ['chinese', 0.025],
  ['japanese', 0.02],
  ['arabic', 0.015],
  ['hebrew', 0.01],
  ['combining', 0.01],
]

const EMOJI = words('😀 🎉 ❤️ 🌱 🐛 👩‍👩‍👧 🏴‍☠️ 🇳🇿 👍🏽 🦀 ⛵ 🧶')
const PUNCTUATION = ['.', '.', '.', ',', ',', '?', '!', ' —', ':', '…', ')']
/** What JSON escapes, or what looks as if it should. */
const ODD = [
  '"quoted"',
  'C:\\temp\\x',
  '\ttabbed',
  '<b>&amp;</b>',
  '\u0001',
  '\u007f',
  '\u2028',
  '\\u0041',
  '{"a":1}',
  '__proto__',
]

/** Every feed writes in one language. */
export function pickLanguage(random: SeededRandom): string {
  let left = random.next()
  for (const [language, share] of LANGUAGE_SHARES) {
    left -= share
    if (left < 0) return language
  }
  return 'english'
}

/** Text of about `length` UTF-16 units, never more and never ending inside a character. */
export function writeText(random: SeededRandom, language: string, length: number): string {
  const vocabulary = LANGUAGES[language] ?? []
  let text = ''
  while (text.length < length) {
    const chance = random.next()
    // The smaller of two draws: early words come more often.
    const at = Math.min(random.below(vocabulary.length), random.below(vocabulary.length))
    text += vocabulary[at]
    if (chance < 0.1) text += random.pick(PUNCTUATION)
    else if (chance < 0.115) text += ` ${random.pick(EMOJI)}`
    else if (chance < 0.12) text += ` ${random.pick(ODD)}`
    else if (chance < 0.135) text += '\n\n'
    text += ' '
  }
  return cutText(text, length)
}

/** The first `length` UTF-16 units, or one less where that would cut a surrogate pair. */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length)
}

/** A name of one to three words. */
export function writeName(random: SeededRandom, language: string): string {
  return Array.from({ length: random.between(1, 3) }, () =>
    random.pick(LANGUAGES[language] ?? []),
  ).join(random.pick(['', ' ', '-', '_']))
}
