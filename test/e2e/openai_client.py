#!/usr/bin/env python3
"""OpenAI's own client drives the server, unchanged, with a real model: chat, completions, streams with usage, tools, JSON schema,
log probabilities, several answers, embeddings, errors.

Needs the model that tools/quickstart downloads and the PyPI package openai, in this Python, in the one that AXIOM_PYTHON names, or in
an environment that tools/verify makes.
"""
import base64
import importlib.util
import json
import math
import os
import struct

import axiom
from serve import serving

MODEL = "smollm2"
CHAT = [{"role": "user", "content": "Tell me about the sea."}]
TOOL = {"type": "function", "function": {"name": "get_weather", "description": "The weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "people": {"type": "integer"}}, "required": ["city", "people"],
          "additionalProperties": False}


def chat(check, client):
    want = dict(model=MODEL, messages=CHAT, max_tokens=24, temperature=0)
    whole = client.chat.completions.create(**want)
    text = whole.choices[0].message.content
    check(len(text) > 20 and whole.choices[0].finish_reason in ("stop", "length"), f"chat: {whole}")
    check(whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens, f"usage: {whole.usage}")
    events = list(client.chat.completions.create(**want, stream=True, stream_options={"include_usage": True}))
    check("".join(e.choices[0].delta.content or "" for e in events if e.choices) == text, "a stream's text is not the answer's")
    check(events[-1].choices == [] and events[-1].usage.completion_tokens == whole.usage.completion_tokens, f"a stream's usage: {events[-1]}")
    several = client.chat.completions.create(**(want | {"temperature": 1.0}), n=3, seed=7)
    check([c.index for c in several.choices] == [0, 1, 2] and len({c.message.content for c in several.choices}) > 1, f"n = 3: {several}")
    again = client.chat.completions.create(**(want | {"temperature": 1.0}), n=3, seed=7)
    check([c.message.content for c in several.choices] == [c.message.content for c in again.choices], "the same seed, other answers")
    end = text[10:14]
    stopped = client.chat.completions.create(**want, stop=[end])
    check(stopped.choices[0].finish_reason == "stop" and stopped.choices[0].message.content == text[:text.index(end)], f"stop at {end!r}: {stopped}")


def logprobs(check, client):
    answer = client.chat.completions.create(model=MODEL, messages=CHAT, max_tokens=8, temperature=0, logprobs=True, top_logprobs=5)
    for position in answer.choices[0].logprobs.content:
        check(len(position.top_logprobs) == 5 and position.top_logprobs[0].token == position.token, f"a greedy token is not the likeliest: {position}")
        check(sum(math.exp(t.logprob) for t in position.top_logprobs) <= 1.0001, f"more than certain: {position}")
        check(bytes(position.bytes).decode(errors="replace") == position.token, f"bytes: {position}")


def completions(check, client):
    prompt = "The three primary colors are red,"
    want = dict(model=MODEL, max_tokens=8, temperature=0)
    whole = client.completions.create(**want, prompt=prompt, logprobs=2)
    check(len(whole.choices[0].logprobs.tokens) == whole.usage.completion_tokens, f"logprobs: {whole}")
    parts = list(client.completions.create(**want, prompt=prompt, stream=True, stream_options={"include_usage": True}))
    check("".join(p.choices[0].text for p in parts if p.choices) == whole.choices[0].text and parts[-1].usage, "a stream's text or usage")
    echo = client.completions.create(**want, prompt=prompt, logprobs=2, echo=True)
    said = echo.choices[0].logprobs
    check(echo.choices[0].text == prompt + whole.choices[0].text and said.token_logprobs[0] is None, f"echo: {echo}")
    check(said.token_logprobs[-whole.usage.completion_tokens:] == whole.choices[0].logprobs.token_logprobs, "echo changes log probabilities")
    alone = client.completions.create(**(want | {"max_tokens": 0}), prompt=prompt, logprobs=2, echo=True)
    check(alone.choices[0].logprobs.token_logprobs == said.token_logprobs[:echo.usage.prompt_tokens], "max_tokens 0 changes log probabilities")
    several = client.completions.create(**want, prompt=[prompt, "One, two,"], n=2)
    check([c.index for c in several.choices] == [0, 1, 2, 3] and several.choices[0].text == several.choices[1].text == whole.choices[0].text,
          f"two prompts, n = 2: {several}")


def tools(check, client):
    """SmolLM2's template knows no tools: what is tested is that the client's shapes are taken and answers stay well-formed."""
    for choice in ("auto", "none"):
        answer = client.chat.completions.create(model=MODEL, messages=CHAT, max_tokens=16, temperature=0, tools=[TOOL], tool_choice=choice)
        message = answer.choices[0].message
        check(message.content or message.tool_calls, f"tool_choice {choice}: {answer}")
        for call in message.tool_calls or []:
            check(call.function.name == "get_weather", f"a call of something else: {call}")
    call = {"id": "call_1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city":"Paris"}'}}
    messages = CHAT + [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
                       {"role": "user", "content": "And now?"}]
    answer = client.chat.completions.create(model=MODEL, messages=messages, max_tokens=8, tools=[TOOL])
    check(answer.choices[0].finish_reason is not None, f"an answer to a tool's message: {answer}")


def structured(check, client):
    """A JSON schema, and a call that has to be made. Skipped, and said so, where this server refuses them."""
    import openai
    form = {"type": "json_schema", "json_schema": {"name": "city", "schema": SCHEMA, "strict": True}}
    want = dict(model=MODEL, max_tokens=120, temperature=0)
    try:
        answer = client.chat.completions.create(**want, messages=CHAT, response_format=form)
    except openai.BadRequestError as error:
        if error.code != "unsupported_value":
            raise
        return "JSON schema and forced calls skipped: this server has no structured output"
    if answer.choices[0].finish_reason == "stop":
        got = json.loads(answer.choices[0].message.content)
        check(set(got) == {"city", "people"} and isinstance(got["people"], int), f"not by the schema: {got}")
    else:
        check(answer.choices[0].message.content.lstrip().startswith("{"), f"no beginning by the schema: {answer}")
    named = client.chat.completions.create(**want, messages=CHAT, tools=[TOOL], tool_choice={"type": "function", "function": {"name": "get_weather"}})
    if named.choices[0].finish_reason != "length":
        call = named.choices[0].message.tool_calls[0].function
        check(call.name == "get_weather" and isinstance(json.loads(call.arguments)["city"], str), f"a forced call: {named}")
    return None


def single(values):
    """As float32: JSON has the shortest decimal numbers that mean them."""
    return list(struct.unpack(f"<{len(values)}f", struct.pack(f"<{len(values)}f", *values)))


def embeddings(check, client):
    texts = ["The cat sits on the mat.", "A cat is sitting on a mat.", "Interest rates rose by half a percent."]
    answer = client.embeddings.create(model=MODEL, input=texts)  # the client asks for base64 by itself
    vectors = [e.embedding for e in answer.data]
    check([e.index for e in answer.data] == [0, 1, 2] and len({len(v) for v in vectors}) == 1, f"indices or sizes: {[len(v) for v in vectors]}")
    check(all(abs(math.hypot(*v) - 1) < 1e-5 for v in vectors), "an embedding is not of length 1")
    dot = [[sum(a * b for a, b in zip(x, y)) for y in vectors] for x in vectors]
    check(dot[0][1] > dot[0][2] and dot[0][1] > dot[1][2], f"like sentences are not nearer: {dot}")
    plain = client.embeddings.create(model=MODEL, input=texts[0], encoding_format="float")
    check(single(plain.data[0].embedding) == vectors[0], "another form, other numbers")
    raw = client.embeddings.with_raw_response.create(model=MODEL, input=texts[:1], encoding_format="base64")
    coded = base64.b64decode(json.loads(raw.text)["data"][0]["embedding"])
    check(list(struct.unpack(f"<{len(coded) // 4}f", coded)) == vectors[0], "base64 is not the same numbers")
    last = client.embeddings.create(model=MODEL, input=texts, extra_body={"pooling": "last"})
    check(last.data[0].embedding != vectors[0], "pooling is ignored")


def errors(check, client):
    import openai
    for kind, code, more in ((openai.NotFoundError, "model_not_found", {"model": "other"}),
                             (openai.BadRequestError, "decimal_above_max_value", {"temperature": 9}),
                             (openai.BadRequestError, "context_length_exceeded", {"messages": [{"role": "user", "content": "a " * 20000}]})):
        try:
            client.chat.completions.create(**(dict(model=MODEL, messages=CHAT, max_tokens=4) | more))
            check(False, f"no {kind.__name__} for {str(more)[:60]}")
        except kind as error:
            check(error.code == code, f"{kind.__name__}: {error.code}, wanted {code}")
    check(MODEL in [m.id for m in client.models.list()] and client.models.retrieve(MODEL).id == MODEL, "the list of models")


def main():
    other = os.environ.get("AXIOM_PYTHON")
    if importlib.util.find_spec("openai") is None:
        if other and "AXIOM_CLIENT" not in os.environ:
            os.execve(other, [other, os.path.abspath(__file__)], dict(os.environ, AXIOM_CLIENT="again"))
        raise axiom.Missing("Python has no openai (pip install openai, or set AXIOM_PYTHON)")
    import openai
    problems = []

    def check(good, problem):
        if not good:
            problems.append(problem[:600])

    parts = [chat, logprobs, completions, tools, embeddings, errors]
    with serving(axiom.cached_artifact(axiom.gguf(), "smollm2"), "--served-model-name", MODEL, "--kv-tokens", "8192") as server:
        client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.port}/v1", api_key="none", max_retries=0, timeout=300)
        for part in parts:
            part(check, client)
        skipped = structured(check, client)
        status, out, err = server.stop()
        check(status == 0, f"exit {status}: {err}")
    names = ", ".join(part.__name__ for part in parts) + (f"; {skipped}" if skipped else ", structured")
    print(f"openai {openai.__version__}: {names}")
    return problems


if __name__ == "__main__":
    axiom.main(main)
