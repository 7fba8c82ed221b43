// Hostile templates and contexts: everything ends soon, in text or in an error.
#include "TemplateTestUtil.h"

#include <chrono>
#include <gtest/gtest.h>

using namespace axiom;
using namespace axiom::testing_template;

namespace {

/// Renders and expects a resource error within a few seconds, also under sanitizers.
void expectLimit(const std::string &source, const char *name, const TemplateLimits &limits = {}) {
  auto start = std::chrono::steady_clock::now();
  auto out = renderMarked(source, json(R"({"s": "0123456789", "l": [1, 2, 3]})"), limits);
  auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  ASSERT_FALSE(out.ok()) << source;
  EXPECT_EQ(out.status().code(), Code::Resource) << source << "\n" << out.status().message();
  EXPECT_NE(out.status().message().find(name), std::string::npos) << out.status().message();
  EXPECT_LT(seconds, 60) << source;
}

TEST(TemplateLimits, StepsBoundLoops) {
  TemplateLimits limits;
  limits.maxSteps = 200000;
  std::string loops =
      "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
  expectLimit(loops, "maxSteps", limits);
  expectLimit("{% for a in range(99999) %}{{ s in s }}{% for b in s %}{% endfor %}{% endfor %}",
              "maxSteps", limits);
  expectLimit("{% set x = s * 1000000 %}{% for a in range(9999) %}{{ x.find('z') }}{% endfor %}",
              "maxSteps", limits);
  expectLimit("{% set x = s * 1000000 %}{% for a in range(9999) %}{{ x | length }}{% endfor %}",
              "maxSteps", limits);
  expectLimit("{% for a in range(99999) %}{{ loop.length }}{{ loop.last }}{% endfor %}", "maxSteps",
              limits);
}

TEST(TemplateLimits, BytesBoundValues) {
  expectLimit("{{ s * 1000000000 }}", "maxValueBytes");
  expectLimit("{{ s * 9223372036854775807 }}", "maxValueBytes");
  expectLimit("{{ [s] * 9223372036854775807 }}", "maxValueBytes");
  expectLimit("{% set ns = namespace(x=s) %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% "
              "endfor %}",
              "maxValueBytes");
  expectLimit("{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x "
              "%}{% endfor %}",
              "maxValueBytes");
  expectLimit("{% set ns = namespace(x=s) %}{% for i in range(99) %}{% set ns.x = ns.x.replace('', "
              "s) %}{% endfor %}",
              "max");
  expectLimit("{% set ns = namespace(x=s) %}{% for i in range(99) %}{% set ns.x = ns.x.join(ns.x) "
              "%}{% endfor %}",
              "maxValueBytes");
  expectLimit("{{ s | indent(2000000000) }}", "maxValueBytes");
  expectLimit("{{ l | tojson(indent=2000000000) }}", "maxValueBytes");
  expectLimit("{{ [1] | batch(2000000000, 0) | list }}", "maxValueBytes");
  expectLimit("{% for i in range(99999) %}{{ '%99999s' % s }}{% endfor %}", "max");
  // A small graph whose text is exponential.
  expectLimit("{% set ns = namespace(x=[s]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] "
              "%}{% endfor %}{{ ns.x }}",
              "max");
  expectLimit("{% set ns = namespace(x=[s]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] "
              "%}{% endfor %}{{ ns.x | tojson }}",
              "max");
  expectLimit("{% set ns = namespace(x=[1], y=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, "
              "ns.x] %}{% set ns.y = [ns.y, ns.y] %}{% endfor %}{{ ns.x == ns.y }}",
              "maxSteps");
}

TEST(TemplateLimits, OutputIsBounded) {
  TemplateLimits limits;
  limits.maxOutputBytes = 1000;
  expectLimit("{% for i in range(999) %}abc{% endfor %}", "maxOutputBytes", limits);
  expectLimit("{{ s * 101 }}", "maxOutputBytes", limits);
  EXPECT_EQ(renderText("{{ s * 100 }}", json(R"({"s": "0123456789"})"), limits).size(), 1000u);
}

TEST(TemplateLimits, DepthIsBounded) {
  expectLimit("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", "maxDepth");
  expectLimit("{% macro f(n) %}{% for x in [1] %}{{ f([n]) }}{% endfor %}{% endmacro %}{{ f(0) }}",
              "nests deeper");
  expectLimit(
      "{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = [ns.x] %}{% endfor %}",
      "nests deeper");
  expectLimit("{% set ns = namespace(x=1) %}{% for i in range(9999) %}{% set ns.x = {'a': ns.x} "
              "%}{% endfor %}",
              "nests deeper");
  expectLimit("{% set ns = namespace() %}{% set ns.me = ns %}{{ ns }}", "maxDepth");
  expectLimit(
      "{% set a = namespace() %}{% set b = namespace(a=a) %}{% set a.b = [b] %}{{ a == b }}{{ b }}",
      "maxDepth");
}

TEST(TemplateLimits, CyclesAndLongChainsAreFreed) {
  EXPECT_EQ(
      renderText(
          "{% set ns = namespace() %}{% set ns.me = ns %}{% macro m() %}{{ ns.x }}{% endmacro %}{% "
          "set ns.m = m %}{% set ns.l = [ns, m] %}ok",
          json("{}")),
      "ok");
  EXPECT_EQ(renderText("{% set ns = namespace(x=none) %}{% for i in range(50000) %}{% set ns.x = "
                       "namespace(x=ns.x) %}{% endfor %}ok",
                       json("{}")),
            "ok");
  EXPECT_EQ(renderText("{% set ns = namespace(f=none) %}{% for i in range(5000) %}{% macro m() "
                       "%}{{ i }}{% endmacro "
                       "%}{% set ns.f = m %}{% endfor %}{{ ns.f() }}",
                       json("{}")),
            "4999");
  EXPECT_EQ(
      renderText(
          "{% for x in [1] %}{% set l = loop %}{% set ns = namespace(l=loop) %}{% set ns.n = ns "
          "%}{% endfor %}ok",
          json("{}")),
      "ok");
}

/// Known server-side template injections: no object of the host exists, so they end in an error or
/// in nothing.
TEST(TemplateLimits, InjectionsAreHarmless) {
  for (const char *payload : {
           "{{ ''.__class__.__mro__[1].__subclasses__() }}",
           "{{ ().__class__.__base__.__subclasses__()[99]('id') }}",
           "{{ config.__class__.__init__.__globals__['os'].popen('id').read() }}",
           "{{ self.__init__.__globals__.__builtins__ }}",
           "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
           "{{ joiner.__init__.__globals__ }}",
           "{{ namespace.__init__.__globals__['sys'] }}",
           "{{ lipsum.__globals__['os'].system('id') }}",
           "{{ request['application']['__globals__'] }}",
           "{{ ''|attr('__class__') }}",
           "{{ [].append.__self__ }}",
           "{{ '{0.__class__.__init__.__globals__}'.format(1) }}",
           "{{ ('{0.__class__}' ~ '').format_map({}) }}",
           "{{ raise_exception.__globals__ }}",
           "{{ range.__self__ }}",
           "{{ dict.__base__.__subclasses__() }}",
           "{{ messages.__class__.__bases__[0] }}",
           "{% for c in [].__class__.__base__.__subclasses__() %}{{ c }}{% endfor %}",
           "{% set x = ''['__cla' ~ 'ss__'] %}{{ x.__mro__ }}",
           "{{ (1).__class__.__mro__ }}",
           "{{ x.__dict__ }}{{ loop.__init__ }}",
       }) {
    auto out = renderMarked(payload, makeChatContext({}));
    if (out.ok()) {
      EXPECT_EQ(out->text, "") << payload;
    }
  }
}

TEST(TemplateLimits, MutatorsAreRefusedAsInTheSandbox) {
  for (const char *source : {"{{ l.append(1) }}", "{{ l.pop() }}", "{{ l.sort() }}",
                             "{{ d.update({}) }}", "{{ d.pop('a') }}", "{{ l.clear() }}"}) {
    std::string text = renderText(source, json(R"({"l": [2, 1], "d": {"a": 1}})"));
    EXPECT_NE(text.find("is unsafe"), std::string::npos) << text;
  }
}

} // namespace
