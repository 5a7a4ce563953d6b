import { html as markup, raw } from 'hono/html'
import type { Incident } from '../core/incident.ts'
import type { Signal } from '../core/signal.ts'
import { MAX_ROWS } from './axis.ts'
import { chart } from './chart.ts'
import type { ReportInput } from './input.ts'
import { evidenceSection } from './kept.ts'
import { restoreSection, undoSection } from './restore.ts'
import { type Story, storyOf } from './story.ts'
import { policyText, styleText } from './style.ts'
import { counted, durationOf, plain, timeOf } from './text.ts'
import { timelineSection } from './timeline.ts'

/**
 * The incident as one page that asks nothing of the network and runs nothing: no script, one style that its policy names by
 * hash. Text from outside is shown as text.
 */
export function html(input: ReportInput): string {
  const story = storyOf(input)
  const { incident, now, title } = story
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(policyText)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="robots" content="noindex">
<title>${plain(title)}: ${story.situation.label}</title>
<style>${raw(styleText)}</style>
</head>
<body>
<header>
${incident.drill ? markup`<p class="drill">Drill: an exercise on an instance that is marked for it. Nobody broke out.</p>` : ''}
<p class="over">Firebreak, incident <span class="mono">${plain(incident.id)}</span>, as of ${timeOf(now)}</p>
<h1>${plain(story.what)} <span class="mono">${plain(incident.instance)}</span></h1>
</header>
<main>
${stateCards(story)}
${whySection(story)}
${chartSection(story)}
${signalsSection(story)}
${stepsSection(story)}
${evidenceSection(story.evidence)}
${gapsSection(story)}
${denialsSection(story)}
${timelineSection(story)}
${restoreSection(incident)}
${undoSection(story)}
</main>
<footer>
<p class="note">${plain(story.chain.text)}.</p>
<p class="note">Account ${plain(incident.account)}, region ${plain(incident.region)}. Names, tags and addresses in this report were chosen by whoever ran the instance: do not open them.</p>
</footer>
</body>
</html>
`.toString()
}

function stateCards({ situation, reasons, commands, gaps }: Story) {
  return markup`<div class="cards">
<section class="card state ${situation.tone}" aria-labelledby="state">
<h3 id="state">State of the cut</h3>
<p class="label">${situation.label}</p>
<p>${situation.meaning}</p>
${reasons.length > 0 ? markup`<ul>${reasons.map(reason => markup`<li>${plain(reason)}</li>`)}</ul>` : ''}
${gaps.length > 0 ? markup`<p class="gaps">Not covered: ${counted(gaps.length, 'point')}, listed below.</p>` : ''}
</section>
<section class="card" aria-labelledby="now">
<h3 id="now">What now</h3>
<ul>${situation.advice.map(line => markup`<li>${plain(line)}</li>`)}</ul>
${
  situation.decision === 'approve'
    ? markup`<p class="note">To approve the cut:</p><pre><code>${plain(commands.approve)}</code></pre>`
    : ''
}
${
  situation.decision === 'release'
    ? markup`<p class="note">To release, which puts back what was there before:</p><pre><code>${plain(commands.release)}</code></pre>`
    : ''
}
</section>
</div>`
}

function whySection({ why: { strongest, calls }, facts }: Story) {
  return markup`<section class="card why" aria-labelledby="why">
<h3 id="why">Why</h3>
${
  strongest.length > 0
    ? markup`<ol>${strongest.map(({ points, detail }) => markup`<li><span class="points">+${points}</span><span>${plain(detail)}</span></li>`)}${calls.map(toolCall)}</ol>`
    : markup`<p>No signal stands against the instance.</p>`
}
<dl>${facts.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${plain(value)}</dd></div>`)}</dl>
</section>`
}

function toolCall({ points, detail, peer = '', port }: Signal) {
  return markup`<li><span class="points">+${points}</span><span><strong>Tool call</strong> for <span class="mono">${plain(peer)}</span>${port === undefined ? '' : ` port ${port}`}: ${plain(detail)}</span></li>`
}

function chartSection(story: Story) {
  if (story.exhibits.length === 0) return ''
  const more = story.exhibits.length - MAX_ROWS
  return markup`<section aria-labelledby="conversations">
<h2 id="conversations">The conversations that gave it away</h2>
<div class="scroll chart" tabindex="0" role="region" aria-labelledby="conversations">${chart(story)}</div>
${more > 0 ? markup`<p class="note">${counted(more, 'quieter conversation')} not drawn.</p>` : ''}
</section>`
}

function signalsSection({ signals }: Story) {
  if (signals.length === 0) return ''
  return markup`<section aria-labelledby="signals">
<h2 id="signals">Signals</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="signals"><table>
<thead><tr><th scope="col">Points</th><th scope="col">Rule</th><th scope="col">What was seen</th><th scope="col">Peer</th><th scope="col">Seen</th></tr></thead>
<tbody>${signals.map(
    signal => markup`<tr>
<td class="points">${signal.points > 0 ? '+' : ''}${signal.points}</td>
<th scope="row">${plain(signal.rule)}<div class="note">${signal.family}${signal.technique === undefined ? '' : `, ${plain(signal.technique)}`}</div></th>
<td class="cell">${plain(signal.detail)}${signal.name === undefined ? '' : markup`<div class="note mono">${plain(signal.name)}</div>`}</td>
<td class="mono narrow">${signal.peer === undefined ? '' : plain(signal.peer)}${signal.port === undefined ? '' : markup`<div class="note">port ${signal.port}</div>`}</td>
<td class="narrow">${timeOf(signal.last * 1000).slice(0, 16)}<div class="note">${durationOf((signal.last - signal.first) * 1000)} long</div></td>
</tr>`,
  )}</tbody>
</table></div>
</section>`
}

const STATUS = {
  intended: ['Under way', 'warning'],
  done: ['Done', 'safe'],
  failed: ['Failed', 'danger'],
  reverted: ['Reverted', 'calm'],
} as const satisfies Record<Incident['steps'][string]['status'], readonly [string, string]>

function stepsSection({ steps, incident }: Story) {
  return markup`<section aria-labelledby="steps">
<h2 id="steps">What was done</h2>
${
  steps.length === 0
    ? markup`<p>Nothing was changed.</p>`
    : markup`<div class="scroll" tabindex="0" role="region" aria-labelledby="steps"><table>
<thead><tr><th scope="col">Step</th><th scope="col">Status</th><th scope="col">Outcome</th><th scope="col">After opening</th></tr></thead>
<tbody>${steps.map(([id, step]) => {
        const [label, tone] =
          step.status === 'done' && step.unable.length > 0
            ? (['Done in part', 'warning'] as const)
            : STATUS[step.status]
        return markup`<tr>
<th scope="row">${plain(id)}</th>
<td><span class="chip ${tone}">${label}</span>${step.attempts > 1 ? markup`<div class="note">${counted(step.attempts, 'try').replace('trys', 'tries')}</div>` : ''}</td>
<td class="cell">${step.reason === '' ? '' : markup`<p>${plain(step.reason)}</p>`}
${step.done.length + step.unable.length === 0 && step.reason === '' && step.status === 'done' ? 'Nothing to change' : ''}
<ul>${step.done.map(text => markup`<li>${plain(text)}</li>`)}${step.unable.map(text => markup`<li><strong>Not possible:</strong> ${plain(text)}</li>`)}${step.settled === undefined ? '' : markup`<li>${plain(step.settled)}</li>`}</ul>
${factsOf(step.facts)}</td>
<td class="narrow">${durationOf(step.at - incident.openedAt)}</td>
</tr>`
      })}</tbody>
</table></div>`
}
</section>`
}

const MAX_FACT_ITEMS = 20

function factsOf(facts: Incident['steps'][string]['facts']) {
  return Object.entries(facts).map(([name, fact]) => {
    const items = typeof fact === 'object' ? fact : [String(fact)]
    const more = items.length - MAX_FACT_ITEMS
    const shown = items.slice(0, MAX_FACT_ITEMS).map(plain).join(', ')
    return items.length === 0
      ? ''
      : markup`<div class="note">${plain(name)}: <span class="mono">${shown}</span>${more > 0 ? ` and ${more} more` : ''}</div>`
  })
}

function gapsSection({ gaps }: Story) {
  return markup`<section aria-labelledby="gaps">
<h2 id="gaps">What is not covered</h2>
${gaps.length === 0 ? markup`<p>No step has named anything beyond the state of the cut above.</p>` : markup`<ul>${gaps.map(gap => markup`<li>${plain(gap)}</li>`)}</ul>`}
</section>`
}

function denialsSection({ denials }: Story) {
  if (denials.length === 0) return ''
  return markup`<section aria-labelledby="denials">
<h2 id="denials">Peers and shared network ACLs</h2>
<div class="scroll" tabindex="0" role="region" aria-labelledby="denials"><table>
<thead><tr><th scope="col">Peer</th><th scope="col">Network ACL</th><th scope="col">Deny</th><th scope="col">Why</th></tr></thead>
<tbody>${denials.map(
    ({ peer, acl, allowed, reason }) => markup`<tr>
<th scope="row" class="mono">${plain(peer)}</th><td class="mono narrow">${plain(acl)}</td>
<td><span class="chip ${allowed ? 'safe' : 'warning'}">${allowed ? 'Permitted' : 'Refused'}</span></td>
<td>${reason === '' && allowed ? 'Nothing stands against it' : plain(reason)}</td>
</tr>`,
  )}</tbody>
</table></div>
</section>`
}
