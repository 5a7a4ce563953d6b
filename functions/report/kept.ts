import { html } from 'hono/html'
import { COLLECT, type Evidence, evidenceOf, FILES, FOLDER } from '../core/evidence.ts'
import type { Incident, StepRecord } from '../core/incident.ts'
import { bytesOf, plain } from './text.ts'

/** The steps without what stands in the table of files: each would be listed three times. */
export function withoutFiles(incident: Incident, steps: readonly (readonly [string, StepRecord])[]) {
  const { files } = evidenceOf(incident)
  if (files.length === 0) return steps
  return steps.map(([id, record]) => {
    if (id !== COLLECT) return [id, record] as const
    const { [FILES]: _files, [FOLDER]: _folder, ...facts } = record.facts
    const done = record.done.filter(text => !files.some(({ sha256 }) => text.includes(sha256)))
    return [id, { ...record, facts, done }] as const
  })
}

/** The files of the evidence, with the digests by which anybody can check them. */
export function evidenceSection({ folder, files }: Evidence) {
  if (files.length === 0) return ''
  return html`<section aria-labelledby="evidence">
<h2 id="evidence">Evidence</h2>
<p>In <span class="mono">${plain(folder)}</span>; a release leaves it there.</p>
<div class="scroll" tabindex="0" role="region" aria-labelledby="evidence"><table>
<thead><tr><th scope="col">File</th><th scope="col">Size</th><th scope="col">SHA-256</th></tr></thead>
<tbody>${files.map(
    ({ name, bytes, sha256 }) => html`<tr>
<th scope="row" class="mono">${plain(name)}</th><td class="narrow">${bytesOf(bytes)}</td><td class="mono narrow">${sha256}</td>
</tr>`,
  )}</tbody>
</table></div>
</section>`
}
