#!/bin/sh
# Starts nginx when a first configuration could be made of the servers' keys in etcd, and follows the keys from then on.
keys=http://${HOST_IP:-172.17.42.1}:4001/v2/keys${KEYS:-/app/server}
current=/run/nginx.conf
new=/run/new.conf
refused=/run/refused.conf
# A server that did not answer is asked again after two seconds, so that the page returns as soon as its servers do.
server='.node.nodes // [] | sort_by(.key)[] | "    server \(.value) max_fails=1 fail_timeout=2s;"'

# Whether the keys make a new configuration, and a valid one; one that is not valid is told of once.
renewed() {
  # Debian's busybox was built without wget's own time-out; it crashes on -T.
  timeout 3 wget -q -O /run/answer "$keys" && jq -r "$server" /run/answer >/run/servers || return 1
  sed '/# servers/r /run/servers' /etc/nginx/template.conf >"$new"
  cmp -s "$new" "$current" || cmp -s "$new" "$refused" && return 1
  if ! nginx -t -q -e stderr -c "$new"; then
    echo "no new configuration: $keys make none that is valid"
    mv "$new" "$refused"
    return 1
  fi
  mv "$new" "$current"
}

follow() {
  while sleep 10; do
    renewed && nginx -s reload -e stderr -c "$current" && echo "configuration renewed"
  done
}

# A container's first process takes only those signals that it asked for.
trap exit INT TERM
until renewed; do
  echo "waiting for a first configuration of $keys"
  sleep 5 &
  wait $!
done
echo "first configuration made of $keys"
follow &
exec nginx -e stderr -c "$current" -g 'daemon off;'
