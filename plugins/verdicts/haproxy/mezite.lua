-- Asks a hub of Mezite about each request, for HAProxy 2.6 or newer. Load it with `lua-load`. `MEZITE_VERDICT_URL` leads to
-- /v1/verdict of the hub, best by a frontend on loopback, and `MEZITE_PROXY_SECRET` is the secret of this proxy.
-- `http-request lua.mezite` then either continues with the identity of the caller, or sends the response of the hub.

local url = os.getenv("MEZITE_VERDICT_URL")
local secret = os.getenv("MEZITE_PROXY_SECRET")
local TIMEOUT_MS = 15000

-- Lines of one connection, and of bodies, which stay here.
local own = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, ["te"] = true, ["trailer"] = true,
  ["transfer-encoding"] = true, ["upgrade"] = true, ["content-length"] = true, ["expect"] = true, ["host"] = true,
  ["http2-settings"] = true,
}
-- What the hub says to the application about the caller never comes from a client.
local identity = { "x-mezite-user", "x-mezite-roles", "mezite-verified", "x-mezite-verified", "mezite-jwt-assertion" }
-- Credentials of the hub that never reach the application.
local credentials = { "mezite-token", "mezite-device", "mezite-proxy-secret" }

local function answer(txn, status, headers, body)
  local reply = txn:reply({ status = status })
  for name, values in pairs(headers or {}) do
    if not own[name] then
      for _, value in pairs(values) do reply:add_header(name, value) end
    end
  end
  if body then reply:set_body(body) end
  txn:done(reply)
end

core.register_action("mezite", { "http-req" }, function(txn)
  local asked = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not own[name] and name:sub(1, 16) ~= "mezite-original-" then
      local list = {}
      for _, value in pairs(values) do list[#list + 1] = value end
      asked[name] = list
    end
  end
  asked["host"] = nil
  asked["mezite-proxy-secret"] = { secret }
  asked["mezite-original-method"] = { txn.sf:method() }
  asked["mezite-original-uri"] = { txn.sf:pathq() }
  asked["mezite-original-host"] = { txn.sf:req_hdr("host") }
  asked["mezite-original-address"] = { txn.sf:src() }

  local response = core.httpclient():get({ url = url, headers = asked, timeout = TIMEOUT_MS })
  if response == nil or response.status == nil or response.status == 0 then
    return answer(txn, 503)
  end
  if response.status ~= 200 then
    return answer(txn, response.status, response.headers, response.body)
  end

  for _, name in ipairs(identity) do txn.http:req_del_header(name) end
  for _, name in ipairs(credentials) do txn.http:req_del_header(name) end
  -- Only these lines of a verdict are for the application; `MEZITE_IDENTITY_HEADERS` names more, in small letters, with spaces between.
  local passed = { "cookie", "authorization" }
  for _, name in ipairs(identity) do passed[#passed + 1] = name end
  for name in (os.getenv("MEZITE_IDENTITY_HEADERS") or ""):gmatch("%S+") do passed[#passed + 1] = name end
  for _, name in ipairs(passed) do
    local values = response.headers[name]
    if values ~= nil then
      txn.http:req_del_header(name)
      for _, value in pairs(values) do
        if value ~= "" then txn.http:req_add_header(name, value) end
      end
    end
  end
end, 0)
