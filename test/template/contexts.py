"""Conversations to render templates with."""

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather at a place, \"now\" or later.",
        "parameters": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "City & country, e.g. Zürich"},
                "days": {"type": "integer", "minimum": 1, "default": 3},
                "units": {"type": "string", "enum": ["metric", "imperial"]},
                "tags": {"type": "array", "items": {"type": "string"}},
            },
            "required": ["place"],
        },
        "return": {"type": "object"},
    },
}
CLOCK = {
    "type": "function",
    "function": {
        "name": "clock",
        "description": "Tells the time.",
        "parameters": {"type": "object", "properties": {}, "required": []},
    },
}


def base(messages, **more):
    context = {
        "messages": messages,
        "tools": None,
        "documents": None,
        "add_generation_prompt": True,
        "bos_token": "<s>",
        "eos_token": "</s>",
    }
    context.update(more)
    return context


def user(text):
    return {"role": "user", "content": text}


def assistant(text, **more):
    return {"role": "assistant", "content": text, **more}


def system(text):
    return {"role": "system", "content": text}


def call(name, arguments, call_id=None):
    out = {"type": "function", "function": {"name": name, "arguments": arguments}}
    if call_id:
        out["id"] = call_id
    return out


def all_contexts():
    tool_dialog = [
        system("Use tools."),
        user("Weather in Zürich?"),
        assistant("", tool_calls=[call("get_weather", {"place": "Zürich", "days": 2}, "abc123def")]),
        {"role": "tool", "name": "get_weather", "tool_call_id": "abc123def", "content": "{\"t\": 21.5}"},
        assistant("It is 21.5 °C."),
        user("Thanks! And the time?"),
    ]
    two_calls = [
        user("Both please"),
        assistant(
            None,
            tool_calls=[
                call("get_weather", {"place": "Oslo", "tags": ["a", "b"], "deep": {"x": None, "y": True}}, "call00001"),
                call("clock", {}, "call00002"),
            ],
        ),
        {"role": "tool", "name": "get_weather", "tool_call_id": "call00001", "content": "rain"},
        {"role": "tool", "name": "clock", "tool_call_id": "call00002", "content": "12:00"},
    ]
    return {
        "simple": base([user("Hello")]),
        "system": base([system("You are terse."), user("Hi\nthere")]),
        "dialog": base(
            [
                system("  Be kind. \n"),
                user("What is 2 + 2?"),
                assistant("4"),
                user("And 3 + 3?"),
                assistant("  6\n"),
                user("Thank you — \"quotes\" & <tags>"),
            ]
        ),
        "no prompt": base([user("a"), assistant("b")], add_generation_prompt=False),
        "last assistant": base([user("a"), assistant("<think>\nhm\n</think>\n\nb"), user("c"), assistant("d")]),
        "thinking": base(
            [
                user("why?"),
                assistant("<think>\nfirst\n</think>\n\nbecause"),
                user("sure?"),
                assistant("yes", reasoning_content="second thought"),
                user("really?"),
            ],
            enable_thinking=False,
        ),
        "thinking on": base([user("why?")], enable_thinking=True, reasoning_effort="high"),
        "tools": base(tool_dialog, tools=[WEATHER, CLOCK]),
        "tool list only": base([user("Hi")], tools=[CLOCK]),
        "two calls": base(two_calls, tools=[WEATHER, CLOCK]),
        "arguments as text": base(
            [
                user("go"),
                assistant("", tool_calls=[call("clock", "{\"zone\": \"CET\"}", "x00000001")]),
                {"role": "tool", "name": "clock", "tool_call_id": "x00000001", "content": "noon"},
            ],
            tools=[CLOCK],
        ),
        "parts": base(
            [
                user([{"type": "text", "text": "one "}, {"type": "image"}, {"type": "text", "text": "two"}]),
                assistant([{"type": "text", "text": "ok"}]),
                user([{"type": "text", "text": "three"}]),
            ]
        ),
        "roles do not alternate": base([user("a"), user("b")]),
        "starts with assistant": base([assistant("x"), user("y")]),
        "unknown role": base([{"role": "narrator", "content": "Once"}, user("a")]),
        "empty": base([]),
        "two systems": base([system("a"), system("b"), user("c")]),
        "missing content": base([{"role": "user"}]),
        "special text": base([user("<|im_end|> </s> [INST] {{ 7*7 }} {% raw %}"), assistant("😀 漢字 \u00a0 \t")]),
        "date": base([system("d"), user("e")], date_string="26 Jul 2024"),
        "documents": base(
            [user("q")],
            documents=[{"title": "T1", "text": "body one"}, {"title": "T2", "text": "body two"}],
        ),
        "bare": {"messages": [user("Hello")], "add_generation_prompt": True},
    }
