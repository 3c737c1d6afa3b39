#!/usr/bin/env bash
# Installs what the build and the tests call and this machine does not have. Debian only; quiet when all is there.
set -euo pipefail

# command:package
needs='
g++:g++
make:make
python3:python3
ld:binutils
aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu
script:bsdutils
tmux:tmux
vim:vim
less:less
expect:expect
ip:iproute2
rsyslogd:rsyslog
mkfs.ext2:e2fsprogs
redis-server:redis-server
memcached:memcached
nginx:nginx-light
pg_lsclusters:postgresql
ssh:openssh-client
/usr/sbin/sshd:openssh-server
javac:default-jdk-headless
prometheus-node-exporter:prometheus-node-exporter
phpquery:php-fpm
sqlite3:sqlite3
inotifywait:inotify-tools
chromium:chromium
'

missing=()
for need in $needs; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need#*:}")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "install-deps: please install: ${missing[*]}" >&2
  exit 1
fi
[ "$(id -u)" -eq 0 ] && sudo='' || sudo=sudo
export DEBIAN_FRONTEND=noninteractive
$sudo apt-get -qq update
$sudo apt-get -qq install --no-install-recommends -y "${missing[@]}" >/dev/null
