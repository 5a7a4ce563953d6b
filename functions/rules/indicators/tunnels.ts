import { compileSuffixes } from '../../core/suffixes.ts'
import type { Indicator, Origin } from './indicator.ts'

const WEB = [80, 443]

/** What a tunnel's client inside connects to: nothing else has business there. */
function ingress(
  of: string,
  origin: Origin,
  values: readonly string[],
  only: Pick<Indicator, 'ports' | 'notPorts'> = {},
): Indicator[] {
  return values.map(value => ({ value, kind: 'tunnel-ingress', of, ...only, ...origin }))
}

/** Its website, or the names by which visitors come: whoever asks for them need not run a tunnel. */
function service(of: string, origin: Origin, values: readonly string[]): Indicator[] {
  return values.map(value => ({ value, kind: 'tunnel-service', of, ...origin }))
}

const ngrok = { source: 'https://ngrok.com/docs/agent/connect-url.md', date: '2026-11-24' }
const ngrokRegions = {
  source: 'https://github.com/SigmaHQ/sigma rules/linux/network_connection/net_connection_lnx_ngrok_tunnel.yml',
  date: '2022-11-03',
}
const cloudflare = {
  source:
    'https://developers.cloudflare.com/cloudflare-one/connections/connect-networks/configure-tunnels/tunnel-with-firewall/',
  date: '2025-02-27',
}
const quickTunnels = {
  source:
    'https://github.com/SigmaHQ/sigma rules/windows/network_connection/net_connection_win_domain_cloudflared_communication.yml',
  date: '2024-05-27',
}
const bore = { source: 'https://github.com/ekzhang/bore README.md', date: '2026-11-24' }
const pinggy = { source: 'https://pinggy.io/docs/http_tunnels/multi_port_forwarding/', date: '2026-11-24' }
const pinggyHost = { source: 'https://pinggy.io/docs/api/web_debugger_api/', date: '2026-11-24' }
const devTunnels = { source: 'https://learn.microsoft.com/azure/developer/dev-tunnels/security', date: '2026-11-24' }
const localtonet = {
  source:
    'https://github.com/SigmaHQ/sigma rules/linux/network_connection/net_connection_lnx_domain_localtonet_tunnel.yml',
  date: '2024-06-17',
}
const awesome = { source: 'https://github.com/anderspitman/awesome-tunneling README.md', date: '2026-11-24' }
const localtunnel = { source: 'https://github.com/localtunnel/server README.md', date: '2026-11-24' }
const derp = { source: 'https://github.com/tailscale/tailscale cmd/derper/README.md', date: '2026-11-24' }
const zrok = { source: 'https://docs.zrok.io/docs/guides/agent', date: '2026-11-24' }
const jprq = { source: 'https://dev.to/azimjohn/how-i-built-ngrok-alternative-3n0g', date: '2020-07-09' }
const tmate = {
  source: 'https://tmate.io, as its client prints (Connecting to ssh.tmate.io); the relay on 22 or 2200',
  date: '2026-11-24',
}
const localhostRun = {
  source: 'https://docs.rs/crate/rmux-server/latest/source/tunnels/localhost-run.toml',
  date: '2026-11-24',
}
const secssh = { source: 'https://github.com/secssh', date: '2026-11-24' }
/** The survey that came with the issue: services tried by hand. */
const survey = { source: 'Firebreak reference, detection.md, names and ports', date: '2026-11-24' }

export const tunnelIndicators: readonly Indicator[] = [
  ...ingress('ngrok', ngrok, ['ngrok-agent.com']),
  ...ingress(
    'ngrok',
    ngrokRegions,
    ['us', 'eu', 'ap', 'au', 'sa', 'jp', 'in'].map(region => `tunnel.${region}.ngrok.com`),
  ),
  ...service('ngrok', survey, [
    'ngrok.com',
    'ngrok.io',
    'ngrok.app',
    'ngrok.dev',
    'ngrok.pro',
    'ngrok.pizza',
    'ngrok-free.app',
    'ngrok-free.dev',
  ]),
  ...ingress('cloudflared', cloudflare, ['v2.argotunnel.com', 'cftunnel.com']),
  ...service('cloudflared', cloudflare, ['argotunnel.com']),
  ...service('cloudflared', survey, ['cfargotunnel.com']),
  ...service('cloudflared', quickTunnels, ['trycloudflare.com']),
  ...ingress('bore', bore, ['bore.pub'], { ports: [7835] }),
  ...service('bore', bore, ['bore.pub']),
  ...ingress('localhost.run', localhostRun, ['localhost.run'], { ports: [22] }),
  ...service('localhost.run', localhostRun, ['localhost.run', 'lhr.life']),
  ...ingress('serveo', survey, ['serveo.net'], { ports: [22] }),
  ...service('serveo', survey, ['serveo.net']),
  ...ingress('ssh-j', awesome, ['ssh-j.com'], { ports: [22] }),
  ...service('ssh-j', awesome, ['ssh-j.com']),
  ...ingress('srv.us', awesome, ['srv.us'], { ports: [22] }),
  ...service('srv.us', awesome, ['srv.us']),
  ...ingress('secssh', secssh, ['secssh.com'], { ports: [22] }),
  ...service('secssh', secssh, ['secssh.com']),
  ...ingress('pinggy', pinggyHost, ['a.pinggy.io']),
  ...ingress('pinggy', pinggy, ['pro.pinggy.io', 'free.pinggy.io']),
  ...service('pinggy', survey, ['pinggy.io', 'pinggy.link', 'pinggy.online']),
  ...ingress('dev tunnels', devTunnels, ['rel.tunnels.api.visualstudio.com']),
  // The directory of the service, which an editor that is signed in asks without hosting a tunnel.
  ...service('dev tunnels', devTunnels, ['global.rel.tunnels.api.visualstudio.com', 'devtunnels.ms']),
  ...ingress('tailscale', survey, ['controlplane.tailscale.com']),
  ...service('tailscale', derp, ['tailscale.com', 'tailscale.io', 'ts.net']),
  ...service('zerotier', survey, ['zerotier.com']),
  ...ingress('localtunnel', localtunnel, ['localtunnel.me', 'loca.lt'], { notPorts: WEB }),
  ...service('localtunnel', localtunnel, ['localtunnel.me', 'loca.lt']),
  ...ingress('tmate', tmate, ['tmate.io'], { ports: [22, 2200] }),
  ...service('tmate', survey, ['tmate.io']),
  ...service('gsocket', awesome, ['gsocket.io']),
  ...service('localtonet', localtonet, ['localto.net', 'localtonet.com']),
  ...service('localxpose', survey, ['localxpose.io', 'loclx.io']),
  ...service('telebit', awesome, ['telebit.cloud']),
  ...service('tunnelto', awesome, ['tunnelto.dev']),
  ...service('portmap', survey, ['portmap.io']),
  ...service('zrok', zrok, ['zrok.io']),
  ...service('PageKite', awesome, ['pagekite.net', 'pagekite.me']),
  ...service('boringproxy', awesome, ['boringproxy.io']),
  ...service('portr', awesome, ['portr.dev']),
  ...service('tunnel.pyjam.as', awesome, ['tunnel.pyjam.as']),
  ...service('jprq', jprq, ['jprq.live']),
]

/** Cloudflare publishes the addresses of its tunnel ingress: region 1 and 2, IPv4 and IPv6. Only with port 7844. */
export const tunnelRanges: readonly Indicator[] = [
  '198.41.192.0/24',
  '198.41.200.0/24',
  '2606:4700:a0::/48',
  '2606:4700:a8::/48',
].map(value => ({ value, kind: 'tunnel-range', of: 'cloudflared', ports: [7844], ...cloudflare }))

/** Default ports of tools that somebody hosts himself. Each is somebody else's port too: context, no proof. */
export const tunnelPorts: readonly (Indicator & { readonly protocol: number })[] = [
  { value: '7844', kind: 'tunnel-port', of: 'cloudflared', protocol: 6, ...cloudflare },
  { value: '7844', kind: 'tunnel-port', of: 'cloudflared', protocol: 17, ...cloudflare },
  { value: '7835', kind: 'tunnel-port', of: 'bore', protocol: 6, ...bore },
  { value: '2333', kind: 'tunnel-port', of: 'rathole', protocol: 6, ...survey },
  { value: '9993', kind: 'tunnel-port', of: 'ZeroTier', protocol: 17, ...survey },
  { value: '41641', kind: 'tunnel-port', of: 'Tailscale', protocol: 17, ...survey },
]

/** Beginnings of the banner that a client sends, in lower case. */
export const tunnelBanners: readonly Indicator[] = [
  {
    value: 'ssh-chisel-',
    kind: 'tunnel-banner',
    of: 'chisel',
    source: 'https://github.com/jpillora/chisel share/version.go',
    date: '2026-11-24',
  },
]

const find = compileSuffixes(Map.groupBy(tunnelIndicators, ({ value }) => value))

/** What is known of a name: its ingress, its website, or both where they share it. */
export function tunnelsNamed(name: string): readonly Indicator[] {
  return find(name) ?? []
}

export function isIngress({ kind, ports, notPorts }: Indicator, port: number): boolean {
  return kind === 'tunnel-ingress' && (ports?.includes(port) ?? true) && !(notPorts?.includes(port) ?? false)
}
