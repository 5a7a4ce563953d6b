import { html } from 'hono/html'
import type { Exhibit } from '../core/finding.ts'
import { axisOf, isActive, MAX_ROWS } from './axis.ts'
import type { Story } from './story.ts'
import { bytesOf, clockOf, counted, plain, protocolOf, shortened, timeOf } from './text.ts'

/** Geometry in SVG units; the text sizes stand in style.ts. */
const ROW = 48
const TOP = 40
const STRIP = { x: 262, width: 360 }
const BARS = { x: 650, width: 200 }
const WIDTH = 960
const BAR = 13

/** Bars are read by decades, since a keepalive and an exfiltration stand in one chart. */
const LEAST_BYTES = 100

/** Activity by the minute and bytes both ways for each conversation that gave the instance away. */
export function chart(story: Story) {
  const exhibits = story.exhibits.slice(0, MAX_ROWS)
  const axis = axisOf(exhibits, story.incident.cut.at)
  const height = TOP + exhibits.length * ROW + 8
  const cell = STRIP.width / axis.minutes
  const xOf = (minute: number) => STRIP.x + (minute - axis.start) * cell
  const ceiling = Math.max(
    4,
    Math.ceil(Math.log10(Math.max(1, ...exhibits.map(one => Math.max(one.bytesOut, one.bytesIn))))),
  )
  const widthOf = (bytes: number) => (bytes <= LEAST_BYTES ? 0 : ((Math.log10(bytes) - 2) / (ceiling - 2)) * BARS.width)
  const decades = Array.from({ length: ceiling - 1 }, (_, index) => index + 2).filter(
    decade => ceiling <= 6 || decade % 3 === 0 || decade === ceiling,
  )
  const ticks = [0, 1 / 3, 2 / 3, 1].map(share => axis.start + Math.round(axis.minutes * share))
  const marker = axis.cut === undefined ? undefined : xOf(axis.cut)

  return html`<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="chart-title chart-text" preserveAspectRatio="xMinYMin meet">
<title id="chart-title">${counted(exhibits.length, 'conversation')} by the minute, with bytes out and in</title>
<desc id="chart-text">${exhibits.map(one => sentenceOf(one)).join(' ')}</desc>
<text class="head" x="${STRIP.x}" y="12">Active minutes, ${timeOf(axis.start * 60_000).slice(0, 10)} (UTC)</text>
<text class="head" x="${BARS.x}" y="12">Bytes, logarithmic scale</text>
${ticks.map(
  (minute, index) =>
    html`<line class="grid" x1="${fixed(xOf(minute))}" x2="${fixed(xOf(minute))}" y1="34" y2="${height}"></line><text class="tick" x="${fixed(xOf(minute))}" y="30" text-anchor="${index === ticks.length - 1 ? 'end' : 'start'}">${clockOf(minute * 60_000).slice(0, 5)}</text>`,
)}
${decades.map(decade => {
  const x = fixed(BARS.x + ((decade - 2) / (ceiling - 2)) * BARS.width)
  return html`<line class="grid" x1="${x}" x2="${x}" y1="34" y2="${height}"></line><text class="tick" x="${x}" y="30" text-anchor="middle">${bytesOf(10 ** decade)}</text>`
})}
${exhibits.map((one, index) => {
  const y = TOP + index * ROW
  const label = shortened(plain(one.peer), 40)
  return html`<g class="conversation">
<text class="${label.length > 26 ? 'peer small' : 'peer'}" x="0" y="${y + 17}">${label}</text>
<text class="service" x="0" y="${y + 33}">${serviceOf(one, story)}</text>
${cellsOf(one, axis.start).map(
  ({ minute, length, active }) =>
    html`<rect class="${active ? 'active' : 'silent'}" x="${fixed(xOf(minute))}" y="${active ? y + 6 : y + 18}" width="${fixed(length * cell)}" height="${active ? 28 : 4}"></rect>`,
)}
${bar(y + 5, 'out', one.bytesOut, widthOf(one.bytesOut))}
${bar(y + 22, 'in', one.bytesIn, widthOf(one.bytesIn))}
</g>`
})}
${
  marker === undefined
    ? ''
    : html`<line class="cut" x1="${fixed(marker)}" x2="${fixed(marker)}" y1="34" y2="${height}"></line><text class="cut" x="${fixed(marker + (marker > STRIP.x + STRIP.width - 34 ? -4 : 4))}" y="${height - 2}" text-anchor="${marker > STRIP.x + STRIP.width - 34 ? 'end' : 'start'}">cut</text>`
}
</svg>`
}

function bar(y: number, way: 'out' | 'in', bytes: number, width: number) {
  return html`<rect class="${way}" x="${BARS.x}" y="${y}" width="${fixed(Math.max(1, width))}" height="${BAR}"></rect><text class="amount" x="${fixed(BARS.x + width + 6)}" y="${y + 11}">${way} ${bytesOf(bytes)}</text>`
}

/** Runs of minutes with the same activity, those before the axis left out. */
function cellsOf(exhibit: Exhibit, start: number) {
  const cells: { minute: number; length: number; active: boolean }[] = []
  for (const [index, character] of Array.from(exhibit.activity).entries()) {
    const minute = exhibit.minute + index
    if (minute < start) continue
    const active = isActive(character)
    const before = cells.at(-1)
    if (before?.active === active) before.length++
    else cells.push({ minute, length: 1, active })
  }
  return cells
}

function serviceOf({ peer, port, protocol }: Exhibit, { signals }: Story): string {
  const name = signals.find(signal => signal.peer === peer && signal.port === port && signal.name !== undefined)?.name
  const service = `${protocolOf(protocol)} port ${port}`
  return name ? shortened(`${service}, ${plain(name)}`, 42) : service
}

function sentenceOf({ peer, port, protocol, activity, bytesOut, bytesIn }: Exhibit): string {
  const active = Array.from(activity).filter(isActive).length
  return `${plain(peer)} ${protocolOf(protocol)} port ${port}: active in ${active} of ${activity.length} minutes, ${bytesOf(bytesOut)} out, ${bytesOf(bytesIn)} in.`
}

function fixed(value: number): string {
  return String(Math.round(value * 100) / 100)
}
