"""HTTP to the machines and services of a run. None speaks TLS, so no certificates are read, which takes httpx 25 ms a request."""

import httpx

# No connection is kept alive: it would be a dead one after its machine's restart, also after one by another process of the run.
HTTP = httpx.Client(verify=False, limits=httpx.Limits(max_keepalive_connections=0))
