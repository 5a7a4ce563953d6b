import { html } from 'hono/html'
import type { Incident } from '../core/incident.ts'
import type { Story } from './story.ts'
import { plain, timeOf } from './text.ts'

const MAX_TAGS = 50

/** What puts the restore point back where there is no Firebreak any more. */
export function undoSection({ undo }: Story) {
  if (undo.length === 0) return ''
  const lines = undo.flatMap(({ step, commands }) => [`# ${step}`, ...commands])
  return html`<section aria-labelledby="undo">
<h2 id="undo">Undo without Firebreak</h2>
<p>A release does this and looks before whether somebody else changed anything since; while Firebreak runs it cuts again what is undone by hand. Without it, with rights of your own:</p>
<pre tabindex="0" role="region" aria-labelledby="undo"><code>${lines.map(
    line => html`${plain(line)}
`,
  )}</code></pre>
</section>`
}

/** How the instance stood before the first change: what a release puts back. */
export function restoreSection({ restorePoint, quarantine }: Incident) {
  if (!restorePoint) return ''
  const { interfaces, volumes, protection, tags } = restorePoint
  const shown = Object.entries(tags).slice(0, MAX_TAGS)
  return html`<section aria-labelledby="restore">
<h2 id="restore">Restore point</h2>
<p>How the instance stood before the first change, written down once. A release puts this back.</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="restore"><table>
<thead><tr><th scope="col">Interface</th><th scope="col">Security groups</th><th scope="col">Addresses</th><th scope="col">Subnet</th></tr></thead>
<tbody>${interfaces.map(
    one => html`<tr>
<th scope="row" class="mono">${plain(one.id)}${one.primary ? html`<div class="note">primary</div>` : ''}</th>
<td class="mono narrow">${lines(one.groups)}</td>
<td class="mono narrow">${lines([...one.addresses, ...one.publicAddresses.map(({ address }) => `${address} (public)`)])}</td>
<td class="mono narrow">${plain(one.subnet)}</td>
</tr>`,
  )}</tbody>
</table></div>
<dl>
<div><dt>Network</dt><dd class="mono">${plain(restorePoint.vpc)}</dd></div>
<div><dt>Quarantine group</dt><dd class="mono">${quarantine === undefined ? 'none was recorded' : plain(quarantine)}</dd></div>
<div><dt>Volumes</dt><dd class="mono">${lines(volumes.map(({ id, device }) => `${id} ${device}`))}</dd></div>
<div><dt>Protection</dt><dd>${[
    `termination ${onOff(protection.termination)}`,
    `stop ${onOff(protection.stop)}`,
    `at shutdown ${protection.shutdown ?? 'unknown'}`,
  ].join(', ')}</dd></div>
<div><dt>Launched</dt><dd>${timeOf(restorePoint.launchedAt)}${restorePoint.spot ? ', Spot' : ''}</dd></div>
<div><dt>Tags</dt><dd class="mono">${lines(shown.map(([name, value]) => `${name}=${value}`))}</dd></div>
</dl>
</section>`
}

function lines(texts: readonly string[]) {
  return texts.map(text => html`<div>${plain(text)}</div>`)
}

function onOff(protection: boolean | undefined): string {
  return protection === undefined ? 'unknown' : protection ? 'on' : 'off'
}
