import { isExternal } from '../../core/address.ts'
import { type Opener, openerOf } from '../../core/host.ts'
import type { Rule } from '../../core/rule.ts'
import { isAllowed, shown } from '../../core/rule-signals.ts'

const author = { id: 'tool-call', technique: 'T1059' }

/**
 * Names the tool call that opened a connection, by its time and by the peer in its command. Its points stand beside what else is seen of the peer and make no
 * case (score.ts): the agent writes the log, and whoever wants to hide says nothing or something else.
 */
export const toolCall: Rule = {
  ...author,
  title: 'Tool call at the opening',
  severity: 'low',
  falsePositives: [
    'A call that ran at the same time and has nothing to do with the connection, above all where many run at once',
  ],
  runbook: [
    'Read the whole call in the agent’s own log, with those before and after it in the episode',
    'Look for the same command in other episodes: what was learnt once is tried again',
    'Trust it as far as the host: the agent writes this log, and a missing or harmless call clears nobody',
  ],
  judge({ toolCalls, conversations, settings }) {
    if (toolCalls.length === 0) return []
    return conversations.flatMap(conversation => {
      const { peer, port, protocol, accepted, openings, names } = conversation
      if (accepted === 0 || !isExternal(peer) || isAllowed(settings, conversation)) return []
      const known = names.filter(({ via }) => via !== 'ssh').map(({ name }) => name)
      const opener = openerOf(toolCalls, openings, [peer, ...known])
      if (!opener) return []
      const { start, end } = opener.call
      return [
        {
          rule: author.id,
          family: 'host',
          points: settings.points.toolCall,
          technique: author.technique,
          peer,
          port,
          protocol,
          first: start,
          last: end,
          detail: told(opener),
        },
      ]
    })
  },
}

function told({ call: { tool, command, episode, start, end }, others, named }: Opener): string {
  const where = episode === undefined ? '' : ` in episode ${shown(episode)}`
  const what = command === '' ? shown(tool) : `${shown(tool)}: ${command}`
  const span = end > start ? `, ${clock(start)} to ${clock(end)}` : `, ${clock(start)}`
  const how = named ? '; it names the peer' : ''
  const more = others > 0 ? `; ${others} more ran at about that time` : ''
  return `Opened during the agent’s tool call (${what})${where}${span} UTC${how}${more}`
}

function clock(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(11, 19)
}
