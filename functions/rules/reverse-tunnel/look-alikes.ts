import { type RuleCase, silent, steady, type Traffic } from '../../core/rule-case.ts'
import { elsewhere, idle, outside, pinged, setUp, tunnel, typedFromInside, typedFromOutside } from './figures.ts'

/** Ordinary work that looks like a tunnel in one way or another: none of it may be cut. */
export const lookAlikes: readonly RuleCase[] = [
  {
    name: 'git clone over SSH from a public forge',
    matches: true,
    decision: 'none',
    did: {
      connections: [{ peer: outside, port: 22, minutes: [{ out: [400, 26_000], in: [900, 1_200_000] }], ends: true }],
      users: { [outside]: 40 },
    },
  },
  {
    name: 'a long clone that goes on for minutes',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        {
          peer: outside,
          port: 22,
          minutes: [
            { out: [900, 60_000], in: [4000, 5_600_000] },
            ...steady(9, { out: [3000, 160_000], in: [9000, 13_000_000] }),
          ],
          ends: true,
        },
      ],
    },
  },
  {
    name: 'a git fetch whose end falls into the next window',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        { peer: outside, port: 22, minutes: [setUp, { out: [8, 700], in: [8, 900] }], ends: true },
        { ...elsewhere, minutes: elsewhere.minutes.slice(0, 10) },
      ],
    },
  },
  {
    name: 'backups by rsync over SSH: a connection each',
    matches: true,
    decision: 'watch',
    did: {
      connections: [0, 1, 2, 3].map(round => ({
        peer: outside,
        port: 22,
        clientPort: 42_000 + round,
        at: round * 10,
        minutes: [
          { out: [4000, 5_000_000], in: [2000, 110_000] },
          ...steady(5, { out: [9000, 12_000_000], in: [4000, 220_000] }),
        ],
        ends: true,
      })),
    },
  },
  {
    name: 'rsync that answers with what it has and pauses between directories',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        {
          peer: outside,
          port: 22,
          minutes: [
            { out: [4000, 5_000_000], in: [2000, 250_000] },
            ...[0, 1, 2].flatMap((): (Traffic | undefined)[] => [
              ...steady(3, { out: [9000, 12_000_000], in: [4000, 520_000] }),
              { out: [300, 400_000], in: [150, 20_000] },
              ...silent(2),
            ]),
          ],
        },
      ],
    },
  },
  {
    name: 'the next backup, which began at the end of a window, an hour and a half after the last one ended',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        {
          peer: outside,
          port: 22,
          minutes: [
            { out: [26_000, 39_000_000], in: [13_000, 680_000] },
            ...steady(3, { out: [26_000, 39_000_000], in: [13_000, 680_000] }),
          ],
          ends: true,
        },
        { peer: outside, port: 22, clientPort: 42_001, at: 90, minutes: [setUp] },
      ],
    },
  },
  {
    name: 'a copy that pauses for minutes after its first second',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        { peer: outside, port: 22, minutes: [{ out: [816, 1_201_000], in: [416, 22_000] }] },
        { ...elsewhere, minutes: elsewhere.minutes.slice(0, 8) },
      ],
    },
  },
  {
    name: 'a slow copy that pauses again and again',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        {
          peer: outside,
          port: 22,
          minutes: [0, 1, 2, 3, 4].flatMap((): (Traffic | undefined)[] => [
            { out: [858, 1_262_000], in: [443, 26_400] },
            { out: [1720, 2_520_000], in: [890, 53_000] },
            ...silent(3),
          ]),
        },
      ],
    },
  },
  {
    name: 'shells that came and went, the last of which is minutes old',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        { peer: outside, port: 22, minutes: [setUp, ...silent(8), { out: [4, 300], in: [4, 300] }], ends: true },
        { peer: outside, port: 22, clientPort: 42_001, at: 40, minutes: [setUp, { out: [4, 300], in: [4, 300] }] },
      ],
    },
  },
  {
    name: 'a stream that opens with as much as SSH does, sends small messages and gets small answers',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        {
          peer: outside,
          port: 50_051,
          minutes: [{ out: [19, 4700], in: [14, 4900] }, ...steady(30, { out: [24, 12_500], in: [12, 1900] })],
        },
      ],
      names: [{ name: 'stream.example.net', addresses: [outside] }],
    },
  },
  {
    name: 'logs that are sent now and then over a connection that stays open, to a service of a name',
    matches: true,
    decision: 'watch',
    did: {
      dnsCovered: true,
      connections: [
        {
          peer: outside,
          port: 443,
          minutes: [
            { out: [14, 2900], in: [12, 6400] },
            ...[0, 1, 2, 3, 4, 5].flatMap((): Traffic[] => [
              ...steady(9, pinged),
              { out: [60, 70_000], in: [40, 2600] },
            ]),
          ],
        },
      ],
      names: [{ name: 'intake.example.com', addresses: [outside] }],
    },
  },
  {
    name: 'a person inside who leaves the shell open and goes to lunch',
    matches: true,
    decision: 'watch',
    did: {
      connections: [
        { peer: outside, port: 22, minutes: [setUp, ...steady(6, typedFromInside)] },
        { ...elsewhere, minutes: elsewhere.minutes.slice(0, 150) },
      ],
    },
  },
  {
    name: 'a person inside at a shell elsewhere',
    matches: true,
    decision: 'watch',
    did: {
      dnsCovered: true,
      connections: [{ peer: outside, port: 22, minutes: [setUp, ...steady(90, typedFromInside)] }],
    },
  },
  {
    name: 'following a log over SSH from inside',
    matches: true,
    decision: 'watch',
    did: {
      dnsCovered: true,
      connections: [
        { peer: outside, port: 22, minutes: [setUp, ...steady(60, { out: [60, 3120], in: [120, 12_000] })] },
      ],
    },
  },
  {
    name: 'a monitoring agent with TLS for hours',
    matches: true,
    decision: 'watch',
    did: {
      connections: [{ peer: outside, port: 443, minutes: steady(180, { out: [8, 3000], in: [8, 1100] }) }],
      names: [{ name: 'intake.example.com', addresses: [outside] }],
      dnsCovered: true,
    },
  },
  {
    name: 'the provider’s own agents, which everybody runs',
    matches: true,
    decision: 'none',
    did: {
      connections: [{ peer: outside, port: 443, minutes: steady(180, { out: [6, 900], in: [6, 700] }) }],
      users: { [outside]: 90 },
      settings: { providerRanges: ['203.0.113.0/24'] },
    },
  },
  {
    name: 'a websocket that pushes small messages',
    matches: false,
    decision: 'watch',
    did: {
      connections: [
        {
          peer: outside,
          port: 443,
          minutes: [{ out: [10, 1300], in: [12, 5200] }, ...steady(59, { out: [60, 3300], in: [110, 11_500] })],
        },
      ],
      names: [{ name: 'stream.example.com', addresses: [outside] }],
      dnsCovered: true,
    },
  },
  {
    name: 'a model API that streams its answers',
    matches: false,
    decision: 'none',
    did: {
      connections: Array.from({ length: 6 }, (_, round) => ({
        peer: outside,
        port: 443,
        clientPort: 43_000 + round,
        at: round * 3,
        minutes: [
          { out: [40, 9000], in: [300, 90_000] },
          { out: [30, 1800], in: [280, 84_000] },
        ],
        ends: true,
      })),
      names: [{ name: 'models.example.com', addresses: [outside] }],
    },
  },
  {
    name: 'package mirrors',
    matches: false,
    decision: 'none',
    did: {
      connections: [{ peer: outside, port: 443, minutes: [{ out: [900, 60_000], in: [4000, 5_000_000] }], ends: true }],
    },
  },
  {
    name: 'NTP',
    matches: false,
    decision: 'none',
    did: {
      connections: [{ peer: outside, port: 123, protocol: 17, minutes: steady(120, { out: [1, 76], in: [1, 76] }) }],
    },
  },
  {
    name: 'an administrator who comes in over SSH and types',
    matches: false,
    decision: 'none',
    did: { connections: [{ peer: outside, port: 22, by: 'them', minutes: [setUp, ...steady(60, typedFromOutside)] }] },
  },
  {
    name: 'SSH inside the network',
    matches: false,
    decision: 'none',
    did: { connections: [{ ...tunnel, peer: '10.20.9.9' }] },
  },
  {
    name: 'SSH out that is refused',
    matches: false,
    decision: 'none',
    did: { connections: [{ ...idle, minutes: steady(20, { out: [3, 180], in: [0, 0] }), refused: true }] },
  },
]
