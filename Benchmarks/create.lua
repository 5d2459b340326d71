-- Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
-- For wrk: creates pods with names of their own in the namespace bench. RUN tells one run's names from another's.
local threads = 0
function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

local made = 0
local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. os.getenv("TOKEN") }
local spec = '"spec":{"nodeName":"node-%d","containers":[{"name":"main","image":"registry.example/app:1.0",'
  .. '"resources":{"requests":{"cpu":"100m","memory":"64Mi"}},"env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],'
  .. '"ports":[{"containerPort":80}]}]}}'
function request()
  made = made + 1
  local metadata = string.format(
    '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"pod-%s-%d-%d","labels":{"app":"bench","shard":"%d"}},',
    os.getenv("RUN"), number, made, made % 10)
  return wrk.format("POST", "/api/v1/namespaces/bench/pods", headers, metadata .. string.format(spec, made % 50))
end

-- The answers that are not what was asked for; the summary line of wrk does not tell them apart.
function done(summary)
  io.write(string.format("refused: %d\n", summary.errors.status))
end
