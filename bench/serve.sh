#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Predictions over keep-alive HTTP against the same server's empty handler (POST /livez with the same
# body): requests a second, ratio, p99, resident memory before and after a million requests.
# Needs wrk. Usage: bench/serve.sh [BUILD_DIR] [SECONDS]
set -euo pipefail
build=${1:-build} seconds=${2:-5}
port=${SLIPWAY_BENCH_PORT:-18501}
command -v wrk >/dev/null || { echo "bench/serve.sh needs wrk (Debian package wrk)"; exit 2; }
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true; }; rm -rf "$dir"' EXIT
ninja -C "$build" slipway bench/bench-endpoint >/dev/null
"$build/bench/bench-endpoint" "$dir/data"
start=$(date +%s%N)
"$build/slipway" server --data "$dir/data" --listen 127.0.0.1:$((port + 1)) --serve 127.0.0.1:$port >"$dir/log" 2>&1 &
server=$!
until curl -fs -o /dev/null "http://127.0.0.1:$port/health"; do sleep 0.005; done
echo "start to first answer: $((($(date +%s%N) - start) / 1000000)) ms (curl's own start included)"
row='{"age":59.0,"sex":2.0,"bmi":32.1,"bp":101.0,"s1":157.0,"s2":93.2,"s3":38.0,"s4":4.0,"s5":4.8598,"s6":87.0}'
cat >"$dir/post.lua" <<LUA
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"instances":[$row]}'
done = function(summary, latency, requests)
  io.write(string.format("RESULT %.0f %.3f %.3f %d\n", summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
LUA
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$server/status"; }
ticks() { awk '{ print $14 + $15 }' "/proc/$server/stat"; }
# Prints: requests a second, p50 ms, p99 ms, errors, microseconds of the server's processor time a request.
load() {
  local t0 out
  t0=$(ticks)
  out=$(wrk -t1 -c8 -d"$1"s -s "$dir/post.lua" "http://127.0.0.1:$port$2" | awk '/^RESULT/ { print $2, $3, $4, $5 }')
  echo "$out" "$(awk -v t="$(($(ticks) - t0))" -v hz="$(getconf CLK_TCK)" -v s="$1" '{ printf "%.2f", t / hz * 1e6 / ($1 * s) }' <<<"$out")"
}
curl -fs "http://127.0.0.1:$port/v1/models/bench:predict" -d "{\"instances\":[$row]}" && echo
idle=$(rss)
load 1 /livez >/dev/null; load 1 /v1/models/bench:predict >/dev/null
results=
for _ in 1 2 3; do # in turns, because machines are noisy
  results+="empty $(load "$seconds" /livez)"$'\n'
  results+="predict $(load "$seconds" /v1/models/bench:predict)"$'\n'
  results+="mlflow $(load "$seconds" /endpoints/bench/invocations)"$'\n'
done
awk '
  NF == 6 { n[$1]++; rate[$1] += $2; p50[$1] += $3; p99[$1] += $4; errors[$1] += $5; cpu[$1] += $6 }
  END {
    split("empty predict mlflow", names, " "); title["empty"] = "empty handler"; title["predict"] = "1-row prediction"
    title["mlflow"] = "MLflow invocations"
    for (i = 1; i <= 3; i++) { k = names[i]
      printf "%-20s %7.0f /s   p50 %.3f ms   p99 %.3f ms   processor %.2f us/request   errors %d\n",
        title[k], rate[k] / n[k], p50[k] / n[k], p99[k] / n[k], cpu[k] / n[k], errors[k] }
    printf "ratio by rate %.1f %% (target 75 %%), by processor time %.1f %%\n",
      100 * rate["predict"] / rate["empty"], 100 * cpu["empty"] / cpu["predict"] }' <<<"$results"
curl -fs "http://127.0.0.1:$((port + 1))/api/v1/endpoints/bench" | grep -oE '"(p50|p99)_ms":[0-9.e-]+' | head -2 |
  awk -F: '{ printf "%s%s %.3f ms", NR == 1 ? "inside the server, request line to prediction: " : "   ", substr($1, 2, 3), $2 } END { print "" }'
before=$(rss); count=0
while [ "$count" -lt 1000000 ]; do
  read -r r _ < <(load 5 /v1/models/bench:predict); count=$((count + r * 5))
done
echo "resident: idle $idle KiB, after warm-up $before KiB, after $count more predictions $(rss) KiB"
