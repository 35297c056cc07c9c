/** What a balancer in front of the hub is given. File names are relative to its folder. */
export interface BalancerPorts {
  readonly listen: number
  readonly hub: number
}

/**
 * HAProxy with a certificate of its own, which encrypts anew towards the hub. Over HTTP/2 it cannot pass an upgrade, and
 * for one that it refuses it resets a stream that it never opened, which ends the connection that everybody shares: so
 * upgrades take HTTP/1.1.
 */
export function haproxyEndsTls({ listen, hub }: BalancerPorts, alpn: 'http/1.1' | 'h2'): string {
  const server = `server hub 127.0.0.1:${hub} ssl verify required ca-file hub-ca.pem sni req.hdr(host),host_only alpn`
  return `
global
  maxconn 1000
defaults
  mode http
  option forwardfor
  http-reuse always
  retries 0
  timeout connect 5s
  timeout client 5s
  timeout server 30s
  timeout tunnel 30s
frontend public
  bind 127.0.0.1:${listen} ssl crt own.pem alpn h2,http/1.1
  use_backend upgrades if { req.hdr(Upgrade) -m found } || { req.hdr(Connection) -i upgrade }
  default_backend mezite
backend mezite
  ${server} ${alpn}
backend upgrades
  ${server} http/1.1
`
}

/** HAProxy that passes TLS through, with or without PROXY protocol. */
export function haproxyPasses(
  { listen, hub }: BalancerPorts,
  send: '' | 'send-proxy' | 'send-proxy-v2',
): string {
  return `
global
  maxconn 1000
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend public
  bind 127.0.0.1:${listen}
  default_backend mezite
backend mezite
  server hub 127.0.0.1:${hub} ${send}
`
}

/** nginx with a certificate of its own, which encrypts anew towards the hub. */
export function nginxEndsTls({ listen, hub }: BalancerPorts): string {
  return `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 1000; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_header_timeout 5s;
  client_body_timeout 5s;
  keepalive_timeout 5s;
  map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
  upstream mezite { server 127.0.0.1:${hub}; keepalive 16; }
  server {
    listen 127.0.0.1:${listen} ssl;
    http2 on;
    ssl_certificate own.pem;
    ssl_certificate_key own.pem;
    location / {
      proxy_pass https://mezite;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_ssl_server_name on;
      proxy_ssl_name $host;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate hub-ca.pem;
      proxy_buffering off;
      proxy_request_buffering off;
      client_max_body_size 0;
    }
  }
}
`
}
