"""Python jinja2 set up as Hugging Face transformers does for chat templates: the oracle."""
import copy
import datetime
import json

import jinja2
import jinja2.ext
import jinja2.nodes
import jinja2.sandbox

# What strftime_now answers here and in our renderer.
NOW = [2025, 3, 7, 15, 4, 9]


class TemplateRefusal(jinja2.exceptions.TemplateError):
    """What raise_exception of a template raises."""


class Generation(jinja2.ext.Extension):
    """{% generation %} ... {% endgeneration %}: the text of the body, in a scope of its own."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("render_body")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    @staticmethod
    def render_body(caller):
        return caller()


def make_environment():
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(
            value,
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=separators,
            sort_keys=sort_keys,
        )

    def raise_exception(message):
        raise TemplateRefusal(message)

    def strftime_now(pattern):
        return datetime.datetime(*NOW).strftime(pattern)

    environment.filters["tojson"] = tojson
    environment.filters["from_json"] = json.loads
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = strftime_now
    return environment


def render(environment, source, context):
    """{"text": ...} or {"error": ..., "kind": exception class}."""
    # A copy: some filters of jinja2 change a list in place (indent, with its +=).
    context = copy.deepcopy(context)
    try:
        return {"text": environment.from_string(source).render(**context)}
    except RecursionError as e:
        return {"error": str(e), "kind": "RecursionError"}
    except Exception as e:  # noqa: BLE001 every failure of the oracle is a result
        return {"error": str(e), "kind": type(e).__name__}
