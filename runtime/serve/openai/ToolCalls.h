// A model's text into text and tool calls, while it comes.
//
// Four written forms are known. A call is taken only when it is complete, valid JSON and names a
// function of the request; anything else stays text, byte for byte. What may still become a call is
// held back, all other text passes at once, and how the text was cut into pieces changes nothing.
// Time is linear in the text, memory is bounded by what may be held.
#ifndef AXIOM_RUNTIME_SERVE_OPENAI_TOOLCALLS_H
#define AXIOM_RUNTIME_SERVE_OPENAI_TOOLCALLS_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace axiom::serve::openai {

enum class ToolFormat : uint8_t {
  None,    ///< all is text
  Hermes,  ///< <tool_call>{"name", "arguments"}</tool_call>, anywhere; also Qwen
  Llama3,  ///< {"name", "parameters"} as the whole answer, or after <|python_tag|>; `;` between
           ///< calls
  Mistral, ///< [TOOL_CALLS][{"name", "arguments"}], or [TOOL_CALLS]name{...}
  Json,    ///< {"name", "arguments"} or a list of these as the whole answer: what a grammar forces
};

/// hermes, llama3, mistral, json, none; "auto" is not among them.
std::optional<ToolFormat> toolFormatByName(std::string_view name);
const char *toolFormatName(ToolFormat format);
/// The form that a chat template speaks of; None if it speaks of none.
ToolFormat detectToolFormat(std::string_view templateText);

struct ParsedCall {
  std::string id; ///< as the model wrote it, mostly empty: the server gives one
  std::string name;
  std::string arguments; ///< a JSON object, as the model wrote it
};

/// Text, or a call; in the order of the answer.
struct ToolEvent {
  std::string text;
  std::optional<ParsedCall> call;
};

class ToolCallParser {
public:
  static constexpr size_t kMaxHeld = 1u << 20;

  /// `names`: functions that may be called; empty: any.
  explicit ToolCallParser(ToolFormat format, std::vector<std::string> names = {},
                          size_t maxHeld = kMaxHeld);

  std::vector<ToolEvent> feed(std::string_view piece);
  /// The answer is over: what is still held.
  std::vector<ToolEvent> finish();

  size_t held() const { return held_.size(); }
  /// Calls so far.
  uint32_t calls() const { return calls_; }

private:
  enum class State : uint8_t {
    Start,  ///< nothing but white space yet: a bare call may begin
    Text,   ///< looking for the marker
    Marker, ///< inside the marker
    Open,   ///< after the marker
    Name,   ///< Mistral: the name before the arguments
    Json,   ///< inside the call
    After,  ///< behind a call: white space, a closing tag, a separator
  };

  void step(char c);
  bool stepOpen(char c);
  bool stepName(char c);
  void stepJson(char c);
  void stepAfter(char c);
  void hold(char c, State next);
  void beginJson(char c, bool bare);
  /// What is held is text; `c` is looked at anew.
  void fail(char c);
  void flush();
  void endJson();
  bool takeCalls(std::string_view json);
  bool takeCall(std::string_view object, std::vector<ParsedCall> &calls);
  bool allowed(std::string_view name) const;
  void emit(ParsedCall call);

  ToolFormat format_;
  std::vector<std::string> names_;
  size_t maxHeld_;
  std::string_view marker_;
  State state_;
  std::string held_;
  size_t matched_ = 0; ///< of the marker or of the closing tag
  size_t json_ = 0;    ///< where the JSON begins in held_
  uint32_t depth_ = 0; ///< open brackets
  size_t key_ = 0;     ///< where the first key begins; 0: it is behind
  bool bare_ = false;  ///< the call has no marker
  bool inString_ = false, escaped_ = false, opened_ = false, closed_ = false;
  std::string name_; ///< Mistral: of the call whose arguments come
  uint32_t calls_ = 0;
  std::vector<ToolEvent> events_;
};

struct ToolAnswer {
  std::string text; ///< empty if there are calls and the rest is white space
  std::vector<ParsedCall> calls;
};
/// A whole answer.
ToolAnswer parseToolCalls(ToolFormat format, std::string_view text,
                          std::vector<std::string> names = {});

} // namespace axiom::serve::openai

#endif
