#include "runtime/serve/http/Policy.h"

#include <algorithm>

namespace axiom::http {

static std::string lowered(std::string text) {
  for (char &c : text)
    c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return text;
}

Policy::Policy(const std::vector<std::string> &hosts, const std::vector<std::string> &origins) {
  for (const std::string &host : hosts) {
    anyHost_ |= host == "*";
    hosts_.push_back(lowered(host));
  }
  for (const std::string &origin : origins) {
    anyOrigin_ |= origin == "*";
    origins_.push_back(lowered(origin));
  }
}

static bool contains(const std::vector<std::string> &list, const std::string &text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

/// "http://a:80" and "a" are one place, "https://a:443" and "a" as well.
static std::string withoutDefaultPort(std::string authority, std::string_view port) {
  if (authority.size() > port.size() && authority.ends_with(port))
    authority.resize(authority.size() - port.size());
  return authority;
}

static bool sameOrigin(const std::string &origin, const std::string &host) {
  for (auto [scheme, port] :
       {std::pair<std::string_view, std::string_view>{"http://", ":80"}, {"https://", ":443"}})
    if (origin.starts_with(scheme))
      return withoutDefaultPort(origin.substr(scheme.size()), port) ==
             withoutDefaultPort(host, port);
  return false;
}

std::optional<Refusal> Policy::check(const Head &head, std::vector<Header> &cors) const {
  if (!anyHost_ && !head.host.empty() && !contains(hosts_, hostName(head.host)))
    return Refusal{403, Reason::HostNotAllowed,
                   "Host '" + shown(head.host) +
                       "' is not one of this server's names. Add it to the allowed hosts."};
  size_t count = head.headers.count("Origin");
  if (count == 0)
    return std::nullopt;
  if (count > 1)
    return Refusal{400, Reason::BadRequest, "Two Origin fields."};
  std::string origin = lowered(*head.headers.find("Origin"));
  if (sameOrigin(origin, lowered(head.host)))
    return std::nullopt;
  if (!anyOrigin_ && !contains(origins_, origin))
    return Refusal{403, Reason::OriginNotAllowed,
                   "Pages of origin '" + shown(origin) +
                       "' may not call this server. Add it to the allowed origins."};
  cors.push_back({"Access-Control-Allow-Origin", *head.headers.find("Origin")});
  cors.push_back({"Access-Control-Expose-Headers", "X-Request-Id, Retry-After"});
  cors.push_back({"Vary", "Origin"});
  return std::nullopt;
}

std::optional<Response> Policy::preflight(const Head &head, const std::vector<Header> &cors,
                                          const std::string &methods) const {
  if (head.method != "OPTIONS")
    return std::nullopt;
  Response response;
  response.status = 204;
  response.contentType.clear();
  response.headers.push_back({"Allow", methods});
  if (cors.empty() || !head.headers.find("Access-Control-Request-Method"))
    return response;
  response.headers.push_back({"Access-Control-Allow-Methods", methods});
  // Clients send fields of their own, so what is asked for is allowed: the origin is what decides.
  if (const std::string *fields = head.headers.find("Access-Control-Request-Headers"))
    if (fields->size() <= 4096)
      response.headers.push_back({"Access-Control-Allow-Headers", *fields});
  response.headers.push_back({"Access-Control-Max-Age", "600"});
  return response;
}

Result<RouteTable> RouteTable::make(std::vector<Route> routes) {
  RouteTable table;
  for (Route &route : routes) {
    if (!route.handler || route.path.empty() || route.path[0] != '/' || route.method.empty())
      return Status(Code::InvalidArgument, "route '" + route.method + " " + route.path +
                                               "': needs a method, a path that begins with '/' "
                                               "and a handler");
    Path *path = nullptr;
    if (route.path.ends_with("/*")) {
      std::string prefix = route.path.substr(0, route.path.size() - 1);
      auto at = std::find_if(table.prefixes_.begin(), table.prefixes_.end(),
                             [&](const Path &p) { return p.prefix == prefix; });
      path = at != table.prefixes_.end() ? &*at : &table.prefixes_.emplace_back();
      path->prefix = prefix;
    } else {
      path = &table.whole_[route.path];
    }
    for (const Route &other : path->routes)
      if (other.method == route.method)
        return Status(Code::InvalidArgument,
                      "route " + route.method + " " + route.path + " is given twice");
    path->routes.push_back(std::move(route));
  }
  std::sort(table.prefixes_.begin(), table.prefixes_.end(),
            [](const Path &a, const Path &b) { return a.prefix.size() > b.prefix.size(); });
  return table;
}

RouteTable::Match RouteTable::find(std::string_view method, const std::string &path) const {
  const Path *found = nullptr;
  if (auto at = whole_.find(path); at != whole_.end())
    found = &at->second;
  for (size_t i = 0; !found && i < prefixes_.size(); ++i)
    if (path.starts_with(prefixes_[i].prefix))
      found = &prefixes_[i];
  Match match;
  if (!found)
    return match;
  for (const Route &route : found->routes) {
    if (route.method == method)
      match.route = &route;
    else if (!match.route && method == "HEAD" && route.method == "GET")
      match.route = &route;
    match.methods += route.method + ", ";
    if (route.method == "GET")
      match.methods += "HEAD, ";
  }
  match.methods += "OPTIONS";
  return match;
}

} // namespace axiom::http
