import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Incident } from '../core/incident.ts'
import { JournalEntry } from '../core/journal.ts'
import { romeReport } from './fixture.ts'
import { html } from './html.ts'
import type { ReportInput } from './input.ts'
import { markdown } from './markdown.ts'

/** Our own words, which no outsider chooses. */
const OURS = new Set(['decision', 'family', 'verdict', 'state', 'status', 'kind', 'activity', 'shutdown'])

/** The same report with a text appended to every other text and name in it. */
function tainted(text: string): ReportInput {
  const { incident, journal, now } = romeReport()
  const taint = (value: unknown, key: string): unknown => {
    if (typeof value === 'string') return OURS.has(key) ? value : value + text
    if (Array.isArray(value)) return value.map(one => taint(one, key))
    if (typeof value !== 'object' || value === null) return value
    const renamed = ['steps', 'facts', 'tags'].includes(key)
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [renamed ? name + text : name, taint(one, name)]),
    )
  }
  return {
    // The bounds are the ledger's; a report must hold for whatever reaches it.
    incident: taint(incident, 'incident') as Incident,
    journal: taint(journal, 'journal') as JournalEntry[],
    now,
  }
}

const hostile = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '<script>alert(1)</script>',
        '"><img src=x onerror=alert(1)>',
        "' onmouseover='alert(1)",
        '</title></style><svg onload=alert(1)>',
        '-->',
        ']]>',
        '&lt;script&gt;',
        '\u202e',
        '\u2028',
        '\u0000',
        '\r\n\r\n# heading\r\n\r\n',
        '\n```\n',
        '|',
        '\\|',
        '\\',
        '`',
        '[a](javascript:alert(1))',
        '![a](http://192.0.2.1/a.png)',
        '<http://192.0.2.1/>',
        'http://www.example.com',
        'WWW.1.example',
        '@everyone',
        '**',
        '~~',
        '$$',
        '\n- - -\n',
        '\n| a | b |\n|---|---|\n',
      ),
      fc.string({ unit: 'binary', maxLength: 12 }),
    ),
    { minLength: 1, maxLength: 8 },
  )
  .map(parts => parts.join(''))
  .filter(text => text !== '')

/** Every tag with its attributes, in order. The size of a label follows its length. */
function tagsOf(page: string): string[] {
  return (page.match(/<[^>]*>/g) ?? []).map(tag => tag.replace('peer small', 'peer'))
}

/**
 * What Markdown makes something of, line by line: how it begins, and the marks in it that no backslash stands before. Between
 * fences nothing is markup but the next fence.
 */
function marksOf(text: string): string[] {
  let fenced = false
  return text.split('\n').map(line => {
    const isFence = line.startsWith('```')
    if (isFence) fenced = !fenced
    else if (fenced) return ''
    const bare = line.replaceAll(/\\[\p{P}\p{S}]/gu, '')
    return /^\s*(?:[-+=#>|]+\s|\d+[.)]\s)?/.exec(bare)?.[0] + bare.replaceAll(/[^|*_`[\]<>~$\\]/g, '')
  })
}

describe('html() of hostile text', () => {
  const benign = tagsOf(html(tainted('x')))

  it('has the tags and attributes that it has of any text', () => {
    fc.assert(
      fc.property(hostile, text => {
        assert.deepEqual(tagsOf(html(tainted(text))), benign)
      }),
      { numRuns: 150 },
    )
  })

  it('shows the text', () => {
    assert.match(html(tainted('<script>')), /rome-train-07&lt;script&gt;/)
  })
})

describe('markdown() of hostile text', () => {
  const benign = marksOf(markdown(tainted('x')))

  it('has the lines and marks that it has of any text', () => {
    fc.assert(
      fc.property(hostile, text => {
        assert.deepEqual(marksOf(markdown(tainted(text))), benign)
      }),
      { numRuns: 150 },
    )
  })

  it('holds no tag, link, mention or unseen character', () => {
    fc.assert(
      fc.property(hostile, text => {
        const written = markdown(tainted(text))
        assert.doesNotMatch(written, /[<>]|(?<!\\):\/\/|www\.|@(?!\u2060)/i)
        assert.doesNotMatch(written.replaceAll(/[\n\u2060]/g, ''), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u)
      }),
      { numRuns: 150 },
    )
  })
})

describe('any figures', () => {
  const figure = fc.oneof(fc.double({ noDefaultInfinity: true, noNaN: true }), fc.integer())

  it('html() and markdown() make a report of any that the schema lets through', () => {
    fc.assert(
      fc.property(figure, fc.maxSafeInteger(), fc.constantFrom('', '1', '10'.repeat(32)), (value, whole, activity) => {
        const { incident, journal, now } = romeReport()
        const findings = incident.findings.map(finding => ({
          ...finding,
          at: value,
          signals: finding.signals.map(signal => ({ ...signal, first: value, last: value / 2, port: whole })),
          exhibits: finding.exhibits.map(one => ({ ...one, minute: whole, bytesOut: value, bytesIn: whole, activity })),
        }))
        const input = {
          incident: Incident.parse({ ...incident, findings, openedAt: value, cut: { ...incident.cut, at: value } }),
          journal: journal.map(entry => JournalEntry.parse({ ...entry, at: value })),
          now,
        }
        assert.doesNotMatch(html(input) + markdown(input), /\bNaN\b|\bundefined\b|\bInfinity\b/)
      }),
      { numRuns: 150 },
    )
  })
})
