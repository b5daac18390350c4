/**
 * The file that `sallyport init` writes. It must load as it stands; test/integration/cli.test.ts holds it to that.
 */
export const initTemplate = `# Sallyport configuration.
#   sallyport check              everything that is wrong with it, or what it resolves to
#   sallyport explain <target>   which route a connection or request takes, and why
#   sallyport run                run it
# Times: 250ms, 5s, 10m, 1h. Values may hold \${NAME} or \${NAME:-default} from the environment.

routes:
  # Whatever arrives on port 8080 goes to 127.0.0.1:3000.
  - name: web
    match:
      ports: 8080                    # a number, a list, or { from: 8080, to: 8089 }
    action:
      type: forward
      target: { host: 127.0.0.1, port: 3000 }
    # timeouts: { idle: 10m }        # any deadline, for this route only

  # HTTP on port 8081, request by request: what is below /api goes to 127.0.0.1:3001, without the /api.
  - name: pages
    match:
      ports: 8081
      path: /api/*                   # or /exact, or /users/:id; method, headers and query can be asked for, too
    action:
      type: forward                  # or redirect, respond, block
      target: { host: 127.0.0.1, port: 3001 }
      rewrite: { stripPrefix: /api }

  # An answer without an upstream.
  # - name: health
  #   match: { ports: 8081, path: /health }
  #   action: { type: respond, body: ok }

  # HTTPS that ends here. \`development\` is signed by an authority of this machine; \`auto\` orders a certificate, with a
  # top-level \`acme: { email: you@example.com }\`; { cert: ./site.pem, key: ./site.key } is one of yours.
  # - name: site
  #   match: { ports: 8444, domains: localhost }
  #   action: { type: forward, target: { host: 127.0.0.1, port: 3000 } }
  #   tls: { mode: terminate, certificate: development }

  # TLS, routed by the name the client asks for and passed on unopened.
  # - name: api
  #   match: { ports: 8443, domains: [api.example.com, "*.api.example.com"], protocol: tls }
  #   action: { type: forward, targets: [{ host: 10.0.0.5, port: 8443 }, { host: 10.0.0.6, port: 8443 }] }

  # Let go of everybody else on that port. how: reset | fin | reply
  # - name: nobody-else
  #   match: { ports: 8443 }
  #   action: { type: block, how: reset }

# Where a port is bound; without this every port of a route is bound on all addresses.
listeners:
  8080: { host: 127.0.0.1 }
  8081: { host: 127.0.0.1 }

# Deadlines of every route that does not set its own; these are the defaults.
# timeouts:
#   sniff: 10s          # until a client has said enough to be routed
#   dial: 5s            # one attempt to reach the upstream
#   idle: 5m            # no byte either way; or: infinite
#   halfClosed: 5m      # one side has ended, and no byte either way
#   lifetime: infinite  # from accept
#   drain: 30s          # after SIGTERM, until what is left is cut
#   requestHead: 10s    # HTTP: the head of a request
#   response: 60s       # HTTP: until the response begins, then between bytes
#   keepAlive: 15s      # HTTP: between two requests

# limits: { maxConnections: 10000 }
# log: { level: info }               # trace | debug | info | warn | error | silent
# interpreter: compiled              # or xstate: every connection a real XState actor
`;
