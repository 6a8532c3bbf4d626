# Worthless example: where a client bundle of UCP names its cluster, this one names nothing.
# Usage: eval "$(cat env.sh)" in this directory.
export DOCKER_TLS_VERIFY=1
export DOCKER_CERT_PATH="$(pwd)"
export DOCKER_HOST=tcp://localhost:443
