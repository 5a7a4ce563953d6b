import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { escaped } from './escape.ts'

describe('escaped()', () => {
  for (const [name, text, shown] of [
    ['lets no tag stand', '<img src=x onerror=alert(1)>', '&lt;img src=x onerror=alert(1)&gt;'],
    ['lets no entity stand', '&lt;b&gt;', '&amp;lt;b&amp;gt;'],
    ['ends no table cell', 'a|b', 'a\\|b'],
    ['ends no table cell behind a backslash', 'a\\|b', 'a\\\\\\|b'],
    ['starts no code', '`rm`', '\\`rm\\`'],
    ['starts no link', '[here](http://192.0.2.1/)', '\\[here\\](http\\://192.0.2.1/)'],
    ['starts no image', '![x](//a)', '!\\[x\\](//a)'],
    ['starts no autolink', 'www.example.com', 'www\\.example\\.com'],
    ['mentions nobody', '@everyone a@example.com', '\\@\u2060everyone a\\@\u2060example\\.com'],
    ['refers to no issue', 'a/b#1 !2 GH-3', 'a/b#\u20601 !\u20602 GH-\u20603'],
    ['starts no emphasis', '**b** _i_ ~s~ $x$', '\\*\\*b\\*\\* \\_i\\_ \\~s\\~ \\$x\\$'],
    ['starts no heading', '# big', '\\# big'],
    ['starts no list', '- x', '\\- x'],
    ['starts no numbered list', '12. x', '12\\. x'],
    ['starts no line', 'a\n# b', 'a # b'],
    ['leaves times and addresses readable', '02:13 203.0.113.7 2001:db8::1', '02:13 203.0.113.7 2001:db8::1'],
  ] as const)
    it(name, () => assert.equal(escaped(text), shown))
})
