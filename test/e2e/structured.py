#!/usr/bin/env python3
"""Constrained output of axiom-serve on a tiny model, whose own text is noise: every answer that ends by itself is what was asked for, drafts and
streams change nothing, a keyword that can't be kept is named, schemas of the artifact need no compilation. Needs a build with xgrammar."""
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


def named(folder, check):
    """Schemas that the artifact carries."""
    schema, model = f"{folder}/schema.json", f"{folder}/named.axm"
    broken = f"{folder}/broken.json"
    for path, text in ((schema, json.dumps(SCHEMA)), (broken, "{")):
        with open(path, "w") as file:
            file.write(text)
    axiom.compile_model(axiom.TINY / "llama-rope3", model, "--quant", "q8", "--no-golden", "--target", "cpu:native", "--schema", f"thing={schema}",
                        "--schema", f"other-2={schema}")
    wrong = axiom.run(axiom.binary("axiomc"), axiom.TINY / "llama-rope3", "-o", f"{folder}/wrong.axm", "--schema", f"a={broken}")
    check(wrong.status == 2 and "--schema a " in wrong.err and "no JSON" in wrong.err, f"a schema that is none: {wrong.status} {wrong.err}")
    inline = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
    server = Served(model)
    try:
        def ask(asked):
            return answers(server, seed=1, response_format=asked)[1]

        by_name = ask({"type": "json_schema", "json_schema": {"name": "thing"}})
        counted = server.labelled("structured_output_grammars_total", "result")
        check(counted == {"compiled": 0, "failed": 0, "reused": 1}, f"a schema of the artifact was compiled for a request: {counted}")
        check(by_name == ask(inline), "a schema of the artifact gives another answer than the same in the request")
        counted = server.labelled("structured_output_grammars_total", "result")
        check(counted == {"compiled": 1, "failed": 0, "reused": 1}, f"grammars are miscounted: {counted}")
        check(server.metric("structured_output_masks_total") > 10, "masks are not counted")
        check(all(valid(text) for text, end in by_name if end == "stop"), f"by name: {by_name}")
        status, _, answer = server.post("/v1/completions", prompt="a", response_format={"type": "json_schema", "json_schema": {"name": "none"}})
        check(status == 400 and "thing, other-2" in answer["error"]["message"], f"an unknown name: {answer}")
    finally:
        server.process.terminate()
        server.process.wait(60)


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
        named(folder, check)
        check(seen["0"] == seen["4"], "drafts change the answers")
        check(any(end == "stop" for _, end in seen["0"][:24]), "no answer by the schema ended by itself: nothing was shown")
    return problems


if __name__ == "__main__":
    axiom.main(structured)
