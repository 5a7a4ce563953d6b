import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Incident } from '../core/incident.ts'
import type { Markup } from '../core/ports.ts'
import { romeReport } from './fixture.ts'
import { unlinked } from './plain-text.ts'
import { plain, shortened } from './text.ts'
import { ticketOf } from './ticket.ts'
import { inert } from './wiki.ts'

const HOSTILE = [
  '<script>alert(1)</script>',
  '<!channel> <@U0123456> <https://192.0.2.1|here>',
  '@everyone @here @channel',
  '[~admin] [~accountid:5b10a2844c20165700ede21g]',
  '[here|http://192.0.2.1/] [http://192.0.2.1]',
  '!http://192.0.2.1/a.png! ![a](http://192.0.2.1/a.png)',
  '{code}{html}<b>{html}{noformat}{color:red}',
  '[code]<a href="http://192.0.2.1">x</a>[/code]',
  '*b* _i_ -s- +u+ ^p^ ~q~ ??c?? {{m}} a--b',
  '|| a || b |\n| c |',
  'h1. big\nbq. quote\n---- \n# list\n* list',
  '(!) (x) :) :D ;)',
  'http://www.example.com mailto:a@example.com file:///etc/passwd \\\\server\\share',
  '/close\n/assign @root',
  '```\n`code`',
  'a\\',
  '\u202e\u0000\u2028',
  'ABC-1 #1 !2 owner/repo#3 &amp;lt;',
] as const

const hostile = fc
  .array(fc.oneof(fc.constantFrom(...HOSTILE), fc.string({ unit: 'binary', maxLength: 12 })), { maxLength: 6 })
  .map(parts => parts.join(''))

/** An incident whose texts end in what an intruder chose. */
function tainted(text: string): Incident {
  const { incident } = romeReport()
  const [finding] = incident.findings
  assert.ok(finding)
  const steps = structuredClone(incident.steps)
  for (const step of Object.values(steps)) {
    step.reason = text
    step.done.push(text)
    step.unable.push(text)
  }
  const signals = finding.signals.map(one => ({ ...one, detail: one.detail + text, name: text }))
  return {
    ...incident,
    instance: `${incident.instance}${text}`,
    findings: [{ ...finding, signals }],
    steps,
    cut: { ...incident.cut, reasons: [text] },
  }
}

function bodyOf(text: string, markup: Markup, limit = 30_000): string {
  const undo = [{ step: 'swap-groups', commands: [`aws ec2 ${text}`] }]
  return ticketOf({ ...romeReport(), incident: tainted(text), undo }).body(markup, limit)
}

/** Every object in it that says a type. */
function nodesOf(value: unknown): { type: string; [name: string]: unknown }[] {
  if (typeof value !== 'object' || value === null) return []
  const deeper = Object.values(value).flatMap(nodesOf)
  return 'type' in value && typeof value.type === 'string' ? [{ ...value, type: value.type }, ...deeper] : deeper
}

describe('hostile text in every markup', () => {
  it('ADF holds it in text nodes and has no mention, link, card or image', () => {
    fc.assert(
      fc.property(hostile, text => {
        const types = new Set(nodesOf(JSON.parse(bodyOf(text, 'adf'))).map(({ type }) => type))
        const known =
          'doc heading paragraph bulletList listItem table tableRow tableHeader tableCell codeBlock text strong'
        assert.deepEqual(
          [...types].filter(type => !known.split(' ').includes(type)),
          [],
        )
      }),
      { numRuns: 30 },
    )
  })

  it("Slack's rich text holds it in text elements and has no mention, link, emoji or mrkdwn", () => {
    fc.assert(
      fc.property(hostile, text => {
        const types = new Set(nodesOf(JSON.parse(bodyOf(text, 'slack'))).map(({ type }) => type))
        const known = 'header plain_text rich_text rich_text_section rich_text_list rich_text_preformatted text'
        assert.deepEqual(
          [...types].filter(type => !known.split(' ').includes(type)),
          [],
        )
      }),
      { numRuns: 30 },
    )
  })

  it('wiki markup shows it as it is, and nothing in it has a meaning', () => {
    fc.assert(
      fc.property(hostile, text => {
        const shown = inert(text)
        const read = shown.replaceAll(/&#(\d+);/g, (_, code) => String.fromCodePoint(Number(code)))
        assert.equal(read, shortened(plain(text), 800))
        assert.doesNotMatch(
          shown.replaceAll(/&#\d+;/g, ''),
          /[<>\\{}[\]|*_+^~?!@()"#&]|\/\/(?<=:\/\/)|(?<!\w)-|-(?!\w)|mailto:/,
        )
      }),
    )
  })

  it('wiki markup has macros, links and images of our own only', () => {
    fc.assert(
      fc.property(hostile, text => {
        const body = bodyOf(text, 'wiki')
        const macros = body.match(/\{[a-z]+(?::[a-z]+)?\}/g) ?? []
        const outside = body.split(/\{code(?::bash)?\}/).filter((_, index) => index % 2 === 0)
        assert.equal(macros.filter(one => one.startsWith('{code')).length, 2 * body.split('{code:bash}').length - 2)
        for (const one of outside) assert.doesNotMatch(one, /[{}[\]!]|:\/\/|^\s*(?:bq\.|----)/m)
      }),
      { numRuns: 30 },
    )
  })

  it('plain text shows it as it is, and nothing in it is found as a link, a mention or HTML', () => {
    fc.assert(
      fc.property(hostile, text => {
        const shown = unlinked(text)
        assert.equal(shown.replaceAll('\u2060', ''), shortened(plain(text), 400))
        assert.doesNotMatch(shown, /@[^\u2060]|:\/\/|www\.|\[\/?code|<[a-z/!?]/i)
      }),
    )
  })

  it('Markdown lets no line begin with a quick action', () => {
    fc.assert(
      fc.property(hostile, text => assert.doesNotMatch(bodyOf(text, 'markdown'), /^\s*\/[a-z]/m)),
      { numRuns: 30 },
    )
  })
})

describe('the length of a ticket', () => {
  for (const markup of ['markdown', 'adf', 'wiki', 'slack', 'text'] as const)
    for (const limit of [2000, 4000, 12_000, 32_000, 65_000])
      it(`${markup} stays within ${limit} characters, whatever there is to say`, () => {
        for (const text of ['', '<&|*_{é🔥'.repeat(80), HOSTILE.join('\n')]) {
          const body = bodyOf(text, markup, limit)
          assert.ok(body.length <= limit, `${body.length}`)
          assert.match(body, /Cut off, proven/)
        }
      })

  it('what there is no room for is named', () => {
    assert.match(
      bodyOf('x'.repeat(700), 'text', 4000),
      /Left out for length: .*Timeline.*\. The HTML report has it all/,
    )
    assert.doesNotMatch(ticketOf(romeReport()).body('text', 60_000), /Left out/)
  })
})
