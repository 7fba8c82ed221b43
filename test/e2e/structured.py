#!/usr/bin/env python3
"""Constrained output of axiom-serve on a tiny model, whose own text is noise: every answer that ends by itself is what was asked for, drafts and
streams change nothing, a keyword that can't be kept is named. Needs a build with xgrammar."""
import json
import re
import tempfile

import axiom
from serve import Served

SCHEMA = {"type": "object", "properties": {"name": {"type": "string", "maxLength": 8}, "count": {"type": "integer", "minimum": -3, "maximum": 120},
                                           "kind": {"enum": ["a", "b", None]}}, "required": ["count", "kind"], "additionalProperties": False}


def valid(text):
    value = json.loads(text)
    return (isinstance(value, dict) and set(value) <= {"name", "count", "kind"} and value["kind"] in ("a", "b", None)
            and type(value["count"]) is int and -3 <= value["count"] <= 120 and len(value.get("name", "")) <= 8)


def answers(server, **body):
    """Texts of answers that ended by themselves, and all texts with how they ended."""
    status, _, answer = server.post("/v1/completions", prompt="the quick", max_tokens=60, n=4, **body)
    if status != 200:
        raise axiom.Failed(f"{status} {answer}")
    every = [(c["text"], c["finish_reason"]) for c in answer["choices"]]
    return [text for text, end in every if end == "stop"], every


def structured():
    problems = []

    def check(good, what):
        if not good:
            problems.append(what)

    with tempfile.TemporaryDirectory() as folder:
        model = f"{folder}/tiny.axm"
        axiom.compile_model(axiom.TINY / "llama-rope3", model, "--quant", "q8")
        seen = {}
        for drafts in ("0", "4"):
            server = Served(model, "--draft-tokens", drafts)
            try:
                status, _, answer = server.post("/v1/completions", prompt="a", max_tokens=1, structured_outputs={"choice": ["a"]})
                if status == 400 and "built without" in answer["error"]["message"]:
                    raise axiom.Missing("this build has no xgrammar (tools/install-xgrammar)")
                found = []
                for seed in range(3):
                    for heat in (0, 1):
                        ended, every = answers(server, seed=seed, temperature=heat, structured_outputs={"json": SCHEMA})
                        found += every
                        check(all(valid(t) for t in ended), f"schema: {ended}")
                ended, every = answers(server, seed=1, guided_regex="[a-f]{2}-[0-9]{1,3}")
                found += every
                check(len(ended) == 4 and all(re.fullmatch("[a-f]{2}-[0-9]{1,3}", t) for t in ended), f"regex: {every}")
                ended, every = answers(server, seed=1, structured_outputs={"choice": ["yes", "no", "perhaps"]})
                found += every
                check(len(ended) == 4 and set(ended) <= {"yes", "no", "perhaps"}, f"choice: {every}")
                ended, every = answers(server, seed=1, min_tokens=20, structured_outputs={"grammar": 'root ::= "x" ("y" | "z")'})
                found += every
                check(set(ended) <= {"xy", "xz"} and len(ended) == 4, f"grammar: {every}")
                _, events, done = server.events("/v1/completions", prompt="the quick", max_tokens=60, seed=1, structured_outputs={"json": SCHEMA})
                whole = server.post("/v1/completions", prompt="the quick", max_tokens=60, seed=1, structured_outputs={"json": SCHEMA})[2]
                check(done and "".join(e["choices"][0]["text"] for e in events) == whole["choices"][0]["text"], "a stream is not the whole answer")
                status, _, answer = server.post("/v1/completions", prompt="a", response_format={
                    "type": "json_schema", "json_schema": {"name": "s", "schema": {"properties": {"a": {"not": {}}}}}})
                check(status == 400 and answer["error"]["param"] == "response_format" and "#/properties/a" in answer["error"]["message"], f"not: {answer}")
                seen[drafts] = found
            finally:
                server.process.terminate()
                server.process.wait(60)
        check(seen["0"] == seen["4"], "drafts change the answers")
        check(any(end == "stop" for _, end in seen["0"][:24]), "no answer by the schema ended by itself: nothing was shown")
    return problems


if __name__ == "__main__":
    axiom.main(structured)
