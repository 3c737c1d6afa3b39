import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** A server that is installed or not, and how to start one in a directory of its own. */
export interface Server {
  readonly name: string;
  /** False, or why there is none. */
  readonly skip: string | false;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly prepare?: (dir: string) => void;
}

const installed = (program: string): string | undefined =>
  ['/usr/bin', '/usr/sbin'].map((dir) => path.join(dir, program)).find(existsSync);

function server(program: string, args: readonly string[], more: Partial<Server> = {}): Server {
  const command = installed(program);
  return {
    name: program,
    skip: command ? false : `${program} is not installed`,
    command: command ?? program,
    args,
    ...more,
  };
}

export const redis = (port: number, ...args: readonly string[]): Server =>
  server('redis-server', ['--port', String(port), ...args]);

export const memcached = (port: number): Server =>
  server('memcached', ['-u', 'root', '-p', String(port), '-l', '127.0.0.1']);

/** A master and two workers that serve the files of the directory. @param directives more of them */
export const nginx = (port: number, prepare: (dir: string) => void, directives = ''): Server =>
  server('nginx', ['-p', '.', '-c', 'nginx.conf', '-e', 'errors'], {
    prepare: (dir) => {
      chmodSync(dir, 0o755);
      prepare(dir);
      writeFileSync(
        path.join(dir, 'nginx.conf'),
        `${directives} daemon off; worker_processes 2; pid pid; events { worker_connections 64; }
         http { access_log access; keepalive_requests 1000000; keepalive_timeout 600; send_timeout 600;
                client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
                server { listen 127.0.0.1:${port}; root ${dir}; } }`,
      );
    },
  });

/** FastCGI on TCP, by a master and workers of its own number. @param scripts makes them in the directory */
export function phpFpm(port: number, prepare: (dir: string) => void): Server {
  // its name has the version of the package
  const name = existsSync('/usr/sbin')
    ? readdirSync('/usr/sbin').find((file) => file.startsWith('php-fpm'))
    : undefined;
  return server(
    name ?? 'php-fpm',
    ['-R', '-F', '-n', '-d', 'zend_extension=opcache', '-d', 'opcache.file_update_protection=0', '-y', 'fpm.conf'],
    {
      prepare: (dir) => {
        prepare(dir);
        writeFileSync(
          path.join(dir, 'fpm.conf'),
          [
            `[global]`,
            `error_log = ${dir}/errors`,
            `[www]`,
            `user = root`,
            `listen = 127.0.0.1:${port}`,
            `pm = dynamic`,
            `pm.max_children = 4`,
            `pm.start_servers = 2`,
            `pm.min_spare_servers = 1`,
            `pm.max_spare_servers = 3`,
            `pm.status_path = /status`,
            `php_admin_value[session.save_path] = ${dir}`,
            ``,
          ].join('\n'),
        );
      },
    },
  );
}

/** Takes messages over TCP and from the end of the file `in`, and writes them to `out`. */
export const rsyslog = (port: number): Server =>
  server('rsyslogd', ['-n', '-i', 'NONE', '-f', 'conf'], {
    prepare: (dir) => {
      writeFileSync(path.join(dir, 'in'), '');
      writeFileSync(
        path.join(dir, 'conf'),
        `global(workDirectory="${dir}")
         module(load="imfile" mode="polling" pollingInterval="1")
         module(load="imtcp")
         input(type="imfile" file="${dir}/in" tag="file:")
         input(type="imtcp" address="127.0.0.1" port="${port}")
         main_queue(queue.type="LinkedList" queue.workerThreads="2")
         template(name="line" type="string" string="%syslogtag%%msg%\n")
         action(type="omfile" file="${dir}/log" template="line" asyncWriting="on" flushInterval="1" flushOnTXEnd="on")
        `,
      );
    },
  });

/** A server that is written in Go. */
export const nodeExporter = (port: number): Server =>
  server('prometheus-node-exporter', [
    `--web.listen-address=127.0.0.1:${port}`,
    '--collector.disable-defaults',
    '--collector.loadavg',
  ]);

export const node = (program: string): Server => ({
  name: 'node',
  skip: false,
  command: process.execPath,
  args: ['server.js'],
  prepare: (dir) => {
    writeFileSync(path.join(dir, 'server.js'), program);
  },
});

/** A shell of root's behind a key that lies in the directory: `ssh -F client here`. */
export const sshd = (port: number): Server =>
  server('sshd', ['-D', '-e', '-f', 'server'], {
    // it wants its whole name
    command: '/usr/sbin/sshd',
    prepare: (dir) => {
      for (const name of ['host', 'key']) {
        const { status, stderr } = spawnSync(
          'ssh-keygen',
          ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(dir, name)],
          {
            encoding: 'utf8',
          },
        );
        if (status !== 0) throw new Error(`ssh-keygen: ${stderr}`);
      }
      // compiled into it: where it locks up who has no session yet
      mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
      writeFileSync(
        path.join(dir, 'server'),
        `ListenAddress 127.0.0.1:${port}
         HostKey ${path.join(dir, 'host')}
         AuthorizedKeysFile ${path.join(dir, 'key.pub')}
         PidFile none
         StrictModes no
         UsePAM no
         PermitRootLogin yes
         SetEnv HOME=/nowhere
         ForceCommand exec env PS1=PROMPT: bash --norc --noprofile -i`,
      );
      writeFileSync(path.join(dir, 'known'), `here ${readFileSync(path.join(dir, 'host.pub'), 'utf8')}`);
      writeFileSync(
        path.join(dir, 'client'),
        `Host here
         HostName 127.0.0.1
         HostKeyAlias here
         Port ${port}
         User root
         IdentityFile ${path.join(dir, 'key')}
         IdentitiesOnly yes
         UserKnownHostsFile ${path.join(dir, 'known')}
         RequestTTY force
         EscapeChar none`,
      );
    },
  });

export const POSTGRES = ['/usr/lib/postgresql']
  .filter(existsSync)
  .flatMap((dir) => readdirSync(dir).map((version) => path.join(dir, version, 'bin')))
  .find((dir) => existsSync(path.join(dir, 'postgres')));
const NOBODY = 65534;
const AS_NOBODY = ['--reuid', String(NOBODY), '--regid', String(NOBODY), '--clear-groups'];

/** The environment of PostgreSQL and of its clients. */
export const postgresEnv = (port: number) => ({
  PGPORT: String(port),
  PGUSER: 'someone',
  PGDATABASE: 'postgres',
  LC_ALL: 'C',
});

/** A new cluster, of nobody. */
export function postgres(port: number): Server {
  const bin = POSTGRES ?? '';
  return {
    name: 'postgres',
    skip: POSTGRES ? false : 'postgresql is not installed',
    command: 'setpriv',
    args: [...AS_NOBODY, path.join(bin, 'postgres'), '-D', 'data', '-k', '', '-c', 'listen_addresses=127.0.0.1'],
    env: postgresEnv(port),
    prepare: (dir) => {
      chmodSync(dir, 0o755);
      const data = path.join(dir, 'data');
      mkdirSync(data, 0o700);
      chownSync(data, NOBODY, NOBODY);
      const init = ['-D', data, '-U', 'someone', '-A', 'trust', '--no-sync', '--locale=C'];
      const { status, stderr } = spawnSync('setpriv', [...AS_NOBODY, path.join(bin, 'initdb'), ...init], {
        cwd: dir,
        env: { PATH: process.env['PATH'], ...postgresEnv(port) },
        encoding: 'utf8',
        timeout: 60_000,
      });
      if (status !== 0) throw new Error(`initdb: ${stderr}`);
    },
  };
}
