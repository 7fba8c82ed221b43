// Our renders against those of Python jinja2 in Hugging Face's set-up, which
// test/template/differential.py wrote to test/template/goldens.json.
#include "TemplateTestUtil.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace axiom;
using namespace axiom::testing_template;

namespace {

std::string readText(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

const std::string folder = AXIOM_TEMPLATE_TEST_DIR;

class TemplateGolden : public ::testing::Test {
protected:
  void SetUp() override {
    auto parsed = parseJson(readText(folder + "/goldens.json"));
    ASSERT_TRUE(parsed.ok()) << parsed.status().message();
    goldens_ = *parsed;
    const auto &now = field(goldens_, "now").items();
    auto at = [&](size_t i) { return static_cast<int>(now[i].asInt()); };
    now_ = TemplateTime{at(0), at(1), at(2), at(3), at(4), at(5)};
  }

  static const Value &field(const Value &object, std::string_view name) {
    return *object.dictionary().find(name);
  }

  /// True if both engines agree; says what differs otherwise.
  void compare(const std::string &source, const Value &context, const Value &want) {
    auto got = renderMarked(source, context, {}, now_);
    const Value *text = want.dictionary().find("text");
    if (!text) {
      EXPECT_FALSE(got.ok()) << "jinja2 fails with " << field(want, "error").text().bytes()
                             << ", we render: " << got->text << "\n"
                             << source;
      ++failures_;
      if (!got.ok() && field(want, "kind").text().bytes() == "TemplateRefusal") {
        EXPECT_EQ(got.status().code(), Code::InvalidArgument);
        EXPECT_NE(got.status().message().find(field(want, "error").text().bytes()),
                  std::string::npos);
      }
      return;
    }
    ++texts_;
    ASSERT_TRUE(got.ok()) << got.status().message() << "\n" << source;
    EXPECT_EQ(got->text, text->text().bytes()) << source;
  }

  Value goldens_;
  TemplateTime now_;
  int texts_ = 0, failures_ = 0;
};

TEST_F(TemplateGolden, Families) {
  for (const Value &render : field(goldens_, "renders").items()) {
    const std::string &name = field(render, "template").text().bytes();
    const std::string &context = field(render, "context").text().bytes();
    SCOPED_TRACE(name + " / " + context);
    compare(readText(folder + "/families/" + name), field(field(goldens_, "contexts"), context),
            render);
  }
  EXPECT_GE(texts_, 120);
  EXPECT_GE(failures_, 20);
}

TEST_F(TemplateGolden, Snippets) {
  const Value &data = field(goldens_, "data");
  for (const Value &snippet : field(goldens_, "snippets").items())
    compare(field(snippet, "source").text().bytes(), data, snippet);
  EXPECT_GE(texts_, 1000);
  EXPECT_GE(failures_, 100);
}

/// The marks change no text: the same with everything untrusted.
TEST_F(TemplateGolden, UntrustedContextRendersTheSame) {
  auto contexts = writeJson(field(goldens_, "contexts"));
  ASSERT_TRUE(contexts.ok());
  Value marked = json(*contexts, true);
  for (const Value &render : field(goldens_, "renders").items()) {
    const Value *text = render.dictionary().find("text");
    if (!text)
      continue;
    auto got =
        renderMarked(readText(folder + "/families/" + field(render, "template").text().bytes()),
                     field(marked, field(render, "context").text().bytes()), {}, now_);
    ASSERT_TRUE(got.ok());
    EXPECT_EQ(got->text, text->text().bytes());
    size_t end = 0;
    for (const TextSpan &span : got->untrusted) {
      EXPECT_LT(span.begin, span.end);
      EXPECT_GE(span.begin, end);
      end = span.end;
    }
    EXPECT_LE(end, got->text.size());
  }
}

} // namespace
