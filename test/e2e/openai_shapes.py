#!/usr/bin/env python3
"""What the server writes is what OpenAI's own client reads, and the OpenAPI document says what requests it takes.

Needs the PyPI packages openai, openapi-spec-validator and jsonschema, in this Python or in the one that AXIOM_PYTHON names.
No model and no server of ours: a socket here answers with the sample texts of openai-tables.
"""
import http.server
import importlib.util
import json
import os
import random
import subprocess
import threading

import axiom

PACKAGES = {"openai": "openai", "openapi_spec_validator": "openapi-spec-validator", "jsonschema": "jsonschema"}
# Errors that concern several fields, or what a schema can't say.
TOGETHER = {"invalid_value", "missing_required_parameter", "unsupported_value", "model_not_found", "context_length_exceeded"}


def tables(what, stdin=None):
    run = subprocess.run([str(axiom.binary("openai-tables")), what], input=stdin, capture_output=True, text=True, timeout=300)
    if run.returncode != 0:
        raise axiom.Failed(f"openai-tables {what}: exit {run.returncode}: {run.stderr[-500:]}")
    return run.stdout


class Answers(http.server.BaseHTTPRequestHandler):
    """Answers by path; a stream has every sample event of its kind."""
    samples = {}
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, status, text, kind="application/json"):
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        self.reply(200, self.samples["ModelList" if self.path == "/v1/models" else "Model"][0])

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body["model"] == "wrong":
            return self.reply(400, self.samples["Error"][0])
        if self.path == "/v1/embeddings":
            return self.reply(200, self.samples["EmbeddingList"][body.get("encoding_format") == "base64"])
        name = "ChatCompletion" if "chat" in self.path else "TextCompletion"
        if not body.get("stream"):
            return self.reply(200, self.samples[name][0])
        if body["model"] == "broken":
            return self.reply(200, f"data: {self.samples['ChatCompletionChunk'][0]}\n\ndata: {self.samples['Error'][1]}\n\n", "text/event-stream")
        events = self.samples["ChatCompletionChunk"] if "chat" in self.path else self.samples[name][2:]
        return self.reply(200, "".join(f"data: {e}\n\n" for e in events) + ": ping\n\ndata: [DONE]\n\n", "text/event-stream")


def client_reads(check, samples):
    import openai
    from openai.types import Completion, CreateEmbeddingResponse, Model
    from openai.types.chat import ChatCompletion, ChatCompletionChunk
    strict = {"ChatCompletion": ChatCompletion, "ChatCompletionChunk": ChatCompletionChunk, "Model": Model}
    for name, kind in strict.items():
        for text in samples[name]:
            kind.model_validate_json(text)
    CreateEmbeddingResponse.model_validate_json(samples["EmbeddingList"][0])
    # The second has the null of a prompt's first token, and events have no finish_reason yet: the types leave neither room.
    Completion.model_validate_json(samples["TextCompletion"][0])

    Answers.samples = samples
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client = openai.OpenAI(base_url=f"http://127.0.0.1:{server.server_port}/v1", api_key="none", max_retries=0)
    try:
        messages = [{"role": "user", "content": "Hi"}]
        answer = client.chat.completions.create(model="m", messages=messages)
        check(answer.choices[0].message.content == 'Hi "you" é\n', f"content {answer.choices[0].message.content!r}")
        check(answer.choices[0].logprobs.content[1].bytes == [97, 34, 10], "bytes of a token")
        check(answer.choices[1].message.tool_calls[0].function.arguments == '{"a":1}', "arguments of a call")
        check(answer.choices[1].finish_reason == "tool_calls", "finish_reason of calls")
        check(answer.usage.prompt_tokens_details.cached_tokens == 4, "cached tokens")
        events = list(client.chat.completions.create(model="m", messages=messages, stream=True))
        check(len(events) == 5, f"{len(events)} chat events")
        check(events[0].choices[0].delta.role == "assistant", "the role of the first event")
        check("".join(e.choices[0].delta.content or "" for e in events if e.choices) == 'Hi "you" é\n', "streamed content")
        check([c.index for c in events[2].choices[0].delta.tool_calls] == [0, 1], "indices of streamed calls")
        check(events[4].choices == [] and events[4].usage.total_tokens == 8, "the event of usage")
        text = client.completions.create(model="m", prompt="a")
        check(text.choices[0].logprobs.text_offset == [0, 1], f"text_offset {text.choices[0].logprobs.text_offset}")
        check(text.choices[1].finish_reason == "length", "finish_reason of a text")
        parts = list(client.completions.create(model="m", prompt="a", stream=True))
        check(len(parts) == 3 and parts[0].choices[0].text == 'Hi "you" é\n', "streamed text")
        for form in ({}, {"encoding_format": "float"}):  # the client asks for base64 by itself
            vectors = [e.embedding for e in client.embeddings.create(model="m", input=["a", "b"], **form).data]
            check([[round(x, 6) for x in v] for v in vectors] == [[0.1, -1.0], [1.5, 2.0]], f"embeddings {vectors}")
        check([m.id for m in client.models.list()] == ["m", "alias"], "the list of models")
        check(client.models.retrieve("alias").id == "alias", "one model")
        try:
            client.chat.completions.create(model="wrong", messages=messages)
            check(False, "no error was raised")
        except openai.BadRequestError as error:
            check((error.param, error.code, error.type) == ("n", "invalid_type", "invalid_request_error"), f"error {error!r}")
        try:
            list(client.chat.completions.create(model="broken", messages=messages, stream=True))
            check(False, "no error was raised in a stream")
        except openai.APIError as error:
            check(error.type == "server_error" and error.message == "m", f"error in a stream {error!r}")
    finally:
        server.shutdown()
        server.server_close()


def absent_fields(document):
    """Fields of OpenAI's client that the table does not have: they are accepted with a warning."""
    from openai.types import completion_create_params, embedding_create_params
    from openai.types.chat import completion_create_params as chat
    kinds = {"ChatCompletionRequest": chat.CompletionCreateParamsBase, "EmbeddingRequest": embedding_create_params.EmbeddingCreateParams,
             "CompletionRequest": completion_create_params.CompletionCreateParamsBase}
    return [f"{name}.{field}" for name, kind in kinds.items() for field in kind.__annotations__
            if field not in document["components"]["schemas"][name]["properties"]]


def resolver(document):
    import jsonschema
    base = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document["components"]}
    return lambda name: jsonschema.Draft202012Validator(base | {"$ref": f"#/components/schemas/{name}"})


def document_holds(check, document, samples):
    import openapi_spec_validator
    openapi_spec_validator.validate(document)
    validator = resolver(document)
    for name, texts in samples.items():
        for text in texts:
            for error in validator(name).iter_errors(json.loads(text)):
                check(False, f"{name}: {error.message[:200]} at {error.json_path}")


VALUES = [None, True, False, 0, 1, -1, 2, 3, 1.0, 0.5, -0.5, 101, 131, 130, 512, 513, 1e300, 2**63, -2**63 - 1, "", "a", "text", "none",
          "float", "x" * 300, "user", "function", [], ["a"], [""], [1], [131], [-1], [1.0], [0.5], [[1]], [[]], [[1], ["a"]], ["a", 1],
          [None], {}, {"1": 1}, {"131": 1}, {"a": 1}, {"1": 101}, {"1": "a"}, [{}], [{"role": "user", "content": "a"}],
          [{"role": "no", "content": "a"}], [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
          [{"role": "user", "content": [{"type": "image_url"}]}], [{"type": "function", "function": {"name": "f"}}],
          [{"type": "function", "function": {"name": "a b"}}], {"type": "text"}, {"type": "json_schema", "json_schema": {"name": "s"}},
          {"include_usage": True}, {"include_usage": 1}, {"regex": "a"}, {"choice": []}, {"type": "function", "function": {"name": "f"}}]


def document_is_the_parser(check, document):
    """A body that the document does not allow is refused; one that it allows is refused for what a schema can't say only."""
    dice = random.Random(5)
    validator = resolver(document)
    bodies = []
    for path, item in document["paths"].items():
        if "requestBody" not in item.get("post", {}):
            continue
        media = item["post"]["requestBody"]["content"]["application/json"]
        name = media["schema"]["$ref"].split("/")[-1]
        for field in document["components"]["schemas"][name]["properties"]:
            bodies += [(path, name, media["example"] | {field: value}) for value in dice.sample(VALUES, 24)]
            bodies.append((path, name, {k: v for k, v in media["example"].items() if k != field}))
        fields = list(document["components"]["schemas"][name]["properties"])
        for _ in range(200):
            bodies.append((path, name, media["example"] | {dice.choice(fields): dice.choice(VALUES) for _ in range(3)}))
    lines = "".join(f"{path} {json.dumps(body)}\n" for path, _, body in bodies)
    results = [json.loads(line) for line in tables("parse", lines).splitlines()]
    check(len(results) == len(bodies), f"{len(results)} results of {len(bodies)} bodies")
    validators = {name: validator(name) for _, name, _ in bodies}
    allowed = 0
    for (path, name, body), result in zip(bodies, results):
        valid = validators[name].is_valid(body)
        allowed += valid
        code = result.get("error", {}).get("code")
        text = f"{path} {json.dumps(body)[:200]}"
        check(valid or code is not None, f"the document refuses what is accepted: {text}")
        check(not valid or code is None or code in TOGETHER, f"the document allows what is refused with {code}: {text}")
    print(f"{len(bodies)} bodies, {allowed} of them allowed by the document; document and parser agree")


def main():
    absent = [package for module, package in PACKAGES.items() if importlib.util.find_spec(module) is None]
    other = os.environ.get("AXIOM_PYTHON")
    if absent and other and "AXIOM_SHAPES" not in os.environ:
        os.execve(other, [other, os.path.abspath(__file__)], dict(os.environ, AXIOM_SHAPES="again"))
    if absent:
        raise axiom.Missing(f"Python has no {', '.join(absent)} (pip install {' '.join(absent)}, or set AXIOM_PYTHON)")
    problems = []

    def check(good, problem):
        if not good:
            problems.append(problem)

    document = json.loads(tables("openapi"))
    samples = {}
    for name, answer in json.loads(tables("samples")):
        samples.setdefault(name, []).append(json.dumps(answer, ensure_ascii=False))
    client_reads(check, samples)
    document_holds(check, document, samples)
    document_is_the_parser(check, document)
    missing = absent_fields(document)
    if missing:
        print("fields of this openai package that are not in the table: " + ", ".join(missing))
    return problems[:40]


if __name__ == "__main__":
    axiom.main(main)
