// Who may ask: names of this server, origins of pages, and the routes.
#ifndef AXIOM_RUNTIME_SERVE_HTTP_POLICY_H
#define AXIOM_RUNTIME_SERVE_HTTP_POLICY_H

#include "runtime/serve/http/Head.h"

#include <unordered_map>

namespace axiom::http {

class Policy {
public:
  Policy(const std::vector<std::string> &hosts, const std::vector<std::string> &origins);

  /// Host and Origin. `cors` gets the fields that the answer to a listed origin carries.
  std::optional<Refusal> check(const Head &head, std::vector<Header> &cors) const;
  /// The answer to a preflight of a page that check() has let through; nothing if it is none.
  std::optional<Response> preflight(const Head &head, const std::vector<Header> &cors,
                                    const std::string &methods) const;

private:
  std::vector<std::string> hosts_, origins_;
  bool anyHost_ = false, anyOrigin_ = false;
};

class RouteTable {
public:
  /// InvalidArgument: an empty handler, a path without '/', the same method and path twice.
  static Result<RouteTable> make(std::vector<Route> routes);

  struct Match {
    const Route *route = nullptr;
    std::string methods; ///< "GET, HEAD, OPTIONS"; empty where the path is unknown
  };
  Match find(std::string_view method, const std::string &path) const;

private:
  struct Path {
    std::string prefix; ///< empty for a whole path
    std::vector<Route> routes;
  };
  std::unordered_map<std::string, Path> whole_;
  std::vector<Path> prefixes_; ///< longest first
};

} // namespace axiom::http

#endif
