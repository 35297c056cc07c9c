import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../../core/testing/index.ts'
import type { Children } from '../children.ts'
import { findProgram } from '../programs-needed.ts'
import type { Target } from '../target.ts'
import { untilListening } from '../until-listening.ts'
import type { CertificateFiles } from './certificate.ts'

/** nginx with TLS as one process in front of a port, with connections to it that are kept. */
export async function startNginx(
  children: Children,
  options: CertificateFiles & {
    readonly name: string
    readonly dir: string
    readonly upstreamPort: number
    readonly includes: string
    readonly more?: Target['processes']
  },
): Promise<Target> {
  const folder = join(options.dir, options.name.replaceAll(/\W+/g, '-'))
  mkdirSync(folder, { recursive: true })
  const port = await freePort()
  const file = join(folder, 'nginx.conf')
  writeFileSync(file, configuration({ ...options, folder, port }))
  const child = children.spawn(findProgram('nginx') ?? 'nginx', ['-p', folder, '-c', file, '-e', 'stderr'])
  await untilListening(port)
  return {
    name: options.name,
    port,
    host: 'baseline.localhost',
    cookie: null,
    includes: options.includes,
    processes: { nginx: child.pid ?? 0, ...options.more },
  }
}

function configuration(
  options: CertificateFiles & {
    readonly folder: string
    readonly port: number
    readonly upstreamPort: number
  },
): string {
  const { folder, port, upstreamPort, keyFile, certFile } = options
  return `daemon off; master_process off; pid ${folder}/pid; error_log stderr error; worker_rlimit_nofile 20000;
events { worker_connections 8192; }
http {
  access_log off; keepalive_requests 1000000000; client_max_body_size 0;
  client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy; fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi; scgi_temp_path ${folder}/scgi;
  map $http_upgrade $connection_field { default upgrade; '' ''; }
  upstream app { server 127.0.0.1:${upstreamPort}; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} ssl; http2 on; ssl_certificate ${certFile}; ssl_certificate_key ${keyFile};
    location / {
      proxy_pass http://app; proxy_http_version 1.1; proxy_request_buffering off; proxy_max_temp_file_size 0;
      # For large bodies: what it reads at once, and what it holds while the client is slower.
      proxy_buffer_size 64k; proxy_buffers 16 64k; proxy_busy_buffers_size 256k; client_body_buffer_size 256k;
      proxy_set_header Host $host; proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_field;
    }
  }
}
`
}
