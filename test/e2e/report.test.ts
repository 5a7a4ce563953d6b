import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, it, type TestContext } from 'node:test'
import type { Browser, Page } from 'playwright-core'
import { romeReport } from '../../functions/report/fixture.ts'
import { html } from '../../functions/report/index.ts'
import { browserPath, openBrowser } from './browser.ts'

const path = browserPath()
const skip = path === undefined && 'no Chromium on this machine: install one or set CHROME_PATH'

let browser: Browser | undefined
before(async () => {
  browser = path === undefined ? undefined : await openBrowser(path)
})
after(() => browser?.close())

const attack = '<script>window.broken = true</script><img src="/stolen" onerror="window.broken = true">'

/** The ROME incident with an attack in a tag, in a name, in what was seen and in the journal. */
function hostilePage(): string {
  const { incident, journal, now } = romeReport()
  const { restorePoint } = incident
  assert.ok(restorePoint)
  return html({
    incident: {
      ...incident,
      findings: incident.findings.map(finding => ({
        ...finding,
        signals: finding.signals.map(signal => ({ ...signal, name: attack, detail: `${signal.detail} ${attack}` })),
      })),
      restorePoint: { ...restorePoint, tags: { ...restorePoint.tags, Name: attack, [attack]: 'x'.repeat(256) } },
    },
    journal: journal.map(entry => ({
      ...entry,
      lines: entry.lines.map(line => ({ ...line, text: line.text + attack })),
    })),
    now,
  })
}

/** Serves the page alone and counts everything that is asked for. */
async function serve(t: TestContext, page: string) {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url ?? '')
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(page)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.closeAllConnections())
  t.after(() => server.close())
  const address = server.address()
  assert.ok(address !== null && typeof address !== 'string')
  return { url: `http://127.0.0.1:${address.port}/report`, asked }
}

interface Seen {
  readonly page: Page
  readonly complaints: string[]
  readonly requests: string[]
}

async function open(
  t: TestContext,
  text: string,
  width: number,
  colorScheme: 'light' | 'dark',
): Promise<Seen & { asked: string[] }> {
  assert.ok(browser)
  const { url, asked } = await serve(t, text)
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme })
  t.after(() => page.close())
  const complaints: string[] = []
  const requests: string[] = []
  page.on('console', message => complaints.push(`${message.type()}: ${message.text()}`))
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('request', request => requests.push(request.url()))
  await page.goto(url, { waitUntil: 'networkidle' })
  return { page, complaints, requests: requests.filter(one => one !== url), asked }
}

for (const colorScheme of ['light', 'dark'] as const)
  it(`the report of hostile text draws without a complaint, a request or a script (${colorScheme})`, {
    skip,
  }, async t => {
    const { page, complaints, requests, asked } = await open(t, hostilePage(), 1200, colorScheme)
    assert.deepEqual(complaints, [])
    assert.deepEqual(requests, [])
    assert.deepEqual(asked, ['/report'])
    assert.equal(await page.evaluate('window.broken'), undefined)
    assert.equal(await page.locator('script, img, iframe, object, link').count(), 0)
    assert.ok(await page.getByText('<script>window.broken = true</script>').first().isVisible())
  })

it('the report draws its timeline and its chart', { skip }, async t => {
  const { page } = await open(t, html(romeReport()), 1200, 'light')
  const moments = await page.locator('.timeline li:not(.day)').all()
  assert.equal(moments.length, 19)
  const marks = [
    ...moments,
    ...(await page.locator('svg rect.active').all()),
    ...(await page.locator('svg rect.out').all()),
  ]
  assert.equal(marks.length, 19 + 6 + 4)
  for (const mark of marks) {
    const box = await mark.boundingBox()
    assert.ok(box && box.width > 0 && box.height > 0, `${await mark.textContent()} has no size`)
    assert.ok(await mark.isVisible())
  }
})

it('the report says instance, state, why and what now before anything is scrolled', { skip }, async t => {
  const { page } = await open(t, html(romeReport()), 1200, 'light')
  for (const text of [
    'i-0aa11bb22cc33dd44',
    'Cut off, proven',
    'Asked for the pool name',
    'npx firebreak incidents release',
  ]) {
    const box = await page.getByText(text).first().boundingBox()
    assert.ok(box && box.y + box.height < 900, `${text} is out of sight`)
  }
})

it('the report follows the scheme of the system and prints on white', { skip }, async t => {
  const { page } = await open(t, html(romeReport()), 1200, 'dark')
  const ground = () => page.evaluate("getComputedStyle(document.body).getPropertyValue('background-color')")
  assert.equal(await ground(), 'rgb(18, 20, 23)')
  await page.emulateMedia({ colorScheme: 'light' })
  assert.equal(await ground(), 'rgb(246, 246, 244)')
  await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
  assert.equal(await ground(), 'rgb(255, 255, 255)')
})

it('the report is never wider than the window', { skip }, async t => {
  for (const width of [360, 768, 1200]) {
    const { page } = await open(t, hostilePage(), width, 'light')
    assert.equal(await page.evaluate('document.documentElement.scrollWidth'), width)
  }
})

it('the report has its landmarks, headings in order and a name for every table and chart', { skip }, async t => {
  const { page } = await open(t, html(romeReport()), 1200, 'light')
  for (const role of ['banner', 'main', 'contentinfo'] as const) assert.equal(await page.getByRole(role).count(), 1)
  assert.equal(await page.getByRole('heading', { level: 1 }).count(), 1)
  for (const name of ['State of the cut', 'What now', 'Why', 'Signals', 'What was done', 'Timeline', 'Restore point'])
    assert.ok((await page.getByRole('region', { name, exact: true }).count()) > 0, `no region ${name}`)
  assert.equal(await page.getByRole('img', { name: '4 conversations by the minute' }).count(), 1)
  for (const table of await page.getByRole('table').all())
    assert.ok((await table.getByRole('columnheader').count()) > 0)
})
