#!/usr/bin/env python3
"""/metrics of axiom-serve: strictly Prometheus' text form, and what dashboards made for vLLM ask for is there under --metrics-prefix vllm;
the queries of tools/axiom-serve/grafana.json find series, too. A tiny model; no times."""
import json
import re

import axiom
import serve
import serve_ops

NAME, LABEL = r"[a-zA-Z_:][a-zA-Z0-9_:]*", r"[a-zA-Z_][a-zA-Z0-9_]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{((?:{LABEL}=\"(?:[^\"\\\n]|\\[\\\"n])*\",?)*)\}})? (\S+)")
PAIR = re.compile(rf"({LABEL})=\"((?:[^\"\\\n]|\\[\\\"n])*)\"")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?([eE][+-]?\d+)?|Inf)|NaN")

# What dashboards and alerts for vLLM ask: names, labels and buckets as they are there.
VLLM = """
sum(rate(vllm:request_success_total{model_name="$model_name"}[5m])) by (finished_reason)
rate(vllm:request_success_total{finished_reason="stop",model_name="$model_name"}[1m]) + on() rate(vllm:request_success_total{finished_reason="length"}[1m])
vllm:request_success_total{finished_reason="abort"}
histogram_quantile(0.99, sum by (le) (rate(vllm:e2e_request_latency_seconds_bucket{model_name="$model_name"}[$__rate_interval])))
rate(vllm:e2e_request_latency_seconds_sum[1m]) / rate(vllm:e2e_request_latency_seconds_count[1m])
histogram_quantile(0.95, sum by (le) (rate(vllm:time_to_first_token_seconds_bucket{model_name="$model_name"}[1m])))
sum(rate(vllm:time_to_first_token_seconds_bucket{le="0.25"}[1m])) / sum(rate(vllm:time_to_first_token_seconds_count[1m]))
vllm:time_to_first_token_seconds_bucket{le="0.001"} + vllm:time_to_first_token_seconds_bucket{le="2560.0"}
histogram_quantile(0.5, sum by (le) (rate(vllm:inter_token_latency_seconds_bucket{model_name="$model_name"}[1m])))
sum(rate(vllm:inter_token_latency_seconds_bucket{le="0.025"}[1m]))
vllm:inter_token_latency_seconds_bucket{le="80.0"}
histogram_quantile(0.5, sum by (le) (rate(vllm:time_per_output_token_seconds_bucket[1m])))
histogram_quantile(0.5, sum by (le) (rate(vllm:request_time_per_output_token_seconds_bucket[1m])))
rate(vllm:prompt_tokens_total{model_name="$model_name"}[1m])
rate(vllm:generation_tokens_total{model_name="$model_name"}[1m])
sum(rate(vllm:prompt_tokens_by_source_total{source="local_cache_hit"}[1m])) + sum(vllm:prompt_tokens_by_source_total{source="local_compute"})
rate(vllm:prompt_tokens_cached_total[1m])
vllm:num_requests_running{model_name="$model_name",engine="0"}
vllm:num_requests_waiting{model_name="$model_name"} > 10
vllm:kv_cache_usage_perc{model_name="$model_name"}
vllm:gpu_cache_usage_perc{model_name="$model_name"} > 0.9
rate(vllm:prefix_cache_hits_total[5m]) / rate(vllm:prefix_cache_queries_total[5m])
rate(vllm:gpu_prefix_cache_hits_total[5m]) / rate(vllm:gpu_prefix_cache_queries_total[5m])
increase(vllm:num_preemptions_total[1h])
histogram_quantile(0.9, sum by (le) (rate(vllm:request_queue_time_seconds_bucket{le!="+Inf"}[1m])))
rate(vllm:request_queue_time_seconds_sum{model_name="$model_name"}[1m])
rate(vllm:request_prefill_time_seconds_sum[1m]) + rate(vllm:request_decode_time_seconds_sum[1m]) + rate(vllm:request_inference_time_seconds_sum[1m])
vllm:request_inference_time_seconds_bucket{le="0.3"} + vllm:request_decode_time_seconds_bucket{le="7680.0"} + vllm:request_prefill_time_seconds_count
sum by (le) (increase(vllm:request_prompt_tokens_bucket{model_name="$model_name"}[5m])) + vllm:request_prompt_tokens_bucket{le="50.0"}
sum by (le) (increase(vllm:request_generation_tokens_bucket{model_name="$model_name"}[5m]))
sum by (le) (increase(vllm:request_params_max_tokens_bucket[5m])) + sum(vllm:request_max_num_generation_tokens_sum)
sum by (le) (increase(vllm:request_params_n_bucket{le="20.0"}[5m])) + vllm:request_prefill_kv_computed_tokens_sum
sum by (le) (rate(vllm:iteration_tokens_total_bucket{le="16384.0"}[1m])) + vllm:iteration_tokens_total_count
rate(vllm:spec_decode_num_accepted_tokens_total[5m]) / rate(vllm:spec_decode_num_draft_tokens_total[5m]) + vllm:spec_decode_num_drafts_total
vllm:cache_config_info{block_size=~".+",num_gpu_blocks=~"[0-9]+",enable_prefix_caching="True"}
vllm:engine_sleep_state{sleep_state="awake"} == 1 or vllm:engine_sleep_state{sleep_state="discard_all"}
process_resident_memory_bytes + rate(process_cpu_seconds_total[1m]) + process_open_fds / process_max_fds
"""


def parse(text):
    """Series of a scrape, as (name, labels) to value; raises with the line that is not of the text form (version 0.0.4)."""
    types, helps, series, family, seen = {}, set(), {}, None, set()
    if not text.endswith("\n"):
        raise axiom.Failed("the last line has no end")
    for line in text.splitlines():
        def wrong(why):
            raise axiom.Failed(f"{why}: {line!r}")
        if found := re.fullmatch(rf"# HELP ({NAME}) (\S.*)", line):
            if found.group(1) in helps:
                wrong("HELP twice")
            helps.add(found.group(1))
        elif found := re.fullmatch(rf"# TYPE ({NAME}) (counter|gauge|histogram)", line):
            family = found.group(1)
            if family in types:
                wrong("TYPE twice, or its lines are not together")
            if family not in helps:
                wrong("no HELP before TYPE")
            types[family] = found.group(2)
        else:
            found = SAMPLE.fullmatch(line) or wrong("no sample")
            name, value = found.group(1), found.group(3)
            if not NUMBER.fullmatch(value):
                wrong("no number")
            base = re.sub("_(bucket|sum|count)$", "", name) if types.get(family) == "histogram" else name
            if base != family:
                wrong(f"not of the family {family}")
            pairs = PAIR.findall(found.group(2) or "")
            labels = dict(pairs)
            if len(labels) != len(pairs):
                wrong("a label twice")
            key = (name, frozenset(labels.items()))
            if key in seen:
                wrong("a series twice")
            seen.add(key)
            if types[family] == "counter" and (float(value) < 0 or not (name.endswith("_total") or name.startswith("process_"))):
                wrong("a counter below 0, or not named _total")
            if name.endswith("_bucket") and "le" not in labels:
                wrong("a bucket without le")
            series[key] = float(value)
    for family, kind in types.items():
        if kind == "histogram":
            rest = {}
            for (name, labels), value in series.items():
                if name == family + "_bucket":
                    others = frozenset(pair for pair in labels if pair[0] != "le")
                    rest.setdefault(others, []).append((float(dict(labels)["le"]), value))
            for others, buckets in rest.items():
                bounds, counts = zip(*buckets)
                if list(bounds) != sorted(set(bounds)) or list(counts) != sorted(counts) or bounds[-1] != float("inf"):
                    raise axiom.Failed(f"buckets of {family}: {buckets}")
                if series.get((family + "_count", others)) != counts[-1] or (family + "_sum", others) not in series:
                    raise axiom.Failed(f"sum or count of {family}")
    return series


# A metric's name with a colon, or one of a process, and its selector.
SELECTOR = re.compile(r"((?:\w+:|process_)\w+)(?:\{([^}]*)\})?")
MATCHER = re.compile(r"(\w+)\s*(=~|!~|!=|=)\s*\"((?:[^\"\\]|\\.)*)\"")


def matches(series, name, matchers, variables):
    def fits(labels):
        for label, operator, value in matchers:
            for variable, text in variables.items():
                value = value.replace(variable, text)
            got = labels.get(label, "")
            if label == "le" and operator in ("=", "!="):  # Prometheus writes a bucket's bound as a float
                same = bool(got) and float(got) == float(value)
            else:
                same = bool(re.fullmatch(value, got)) if "~" in operator else got == value
            if same != (operator in ("=", "=~")):
                return False
        return True
    return [key for key in series if key[0] == name and fits(dict(key[1]))]


def unanswered(series, query, variables):
    """Selectors of a query that find nothing; a query without selectors is one, too."""
    found = SELECTOR.findall(query)
    return [name + "{" + labels + "}" for name, labels in found if not matches(series, name, MATCHER.findall(labels), variables)] or \
        ([] if found else [query])


def load(server):
    ask = dict(prompt=[40 + i % 50 for i in range(100)], temperature=0, ignore_eos=True)
    for n in range(3):
        server.post("/v1/completions", **ask, max_tokens=5 + n)
    server.post("/v1/completions", prompt="a", n=2, max_tokens=3)
    server.ask("GET", "/nowhere")


def scrape(server):
    status, headers, text = server.ask("GET", "/metrics")
    if status != 200 or headers["Content-Type"] != "text/plain; version=0.0.4; charset=utf-8":
        raise axiom.Failed(f"/metrics: {status} {headers}")
    return parse(text.decode())


def selftest(check):
    """The checks find what is wrong."""
    head = '# HELP a_total x\n# TYPE a_total counter\n'
    for bad in (head + "a_total 1", head + "a_total x\n", head + "a_total -1\n", head + "a_total 1\na_total 1\n", head + "b_total 1\n",
                "# TYPE a_total counter\na_total 1\n", head + 'a_total{x="1",x="2"} 1\n', head + 'a_total{x="\n"} 1\n',
                "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
                "# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n"):
        try:
            parse(bad)
            check(False, f"taken as Prometheus' text: {bad!r}")
        except axiom.Failed:
            pass
    series = parse('# HELP v:a_total x\n# TYPE v:a_total counter\nv:a_total{m="x"} 1\n')
    for query, good in (('rate(v:a_total{m="x"}[1m])', True), ('v:a_total{m="y"}', False), ("v:b_total", False), ('v:a_total{n="x"}', False),
                        ('v:a_total{m=~"$z"}', True), ("1", False)):
        check((not unanswered(series, query, {"$z": ".*"})) == good, f"{query} finds {'nothing' if good else 'something'}")


def everything(check, folder):
    selftest(check)
    artifact = serve_ops.tiny(folder)
    with serve_ops.running(artifact, "--metrics-prefix", "vllm", name='na"me\\') as server:
        load(server)
        series = scrape(server)
        queries = VLLM.strip().splitlines()
        for query in queries:
            missing = unanswered(series, query, {"$model_name": 'na\\"me\\\\'})
            check(not missing, f"{query} finds no {missing}")
        value = {name: total for (name, _), total in series.items()}
        check(value["vllm:generation_tokens_total"] == 5 + 6 + 7 + 6, f"generated: {value['vllm:generation_tokens_total']}")
        check(value["vllm:prefix_cache_hits_total"] == 128, f"hits: {value['vllm:prefix_cache_hits_total']}")
        check(value["vllm:time_to_first_token_seconds_count"] == 5 and value["vllm:request_params_n_sum"] == 3 + 2, "requests")
        check(value["vllm:request_generation_tokens_sum"] == 24 and value["vllm:iteration_tokens_total_count"] == value["vllm:engine_steps_total"],
              "tokens of answers, or of steps")
    dashboard = json.loads((axiom.ROOT / "tools/axiom-serve/grafana.json").read_text())
    own = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    check(len(own) >= 15, f"the dashboard has {len(own)} queries")
    with serve_ops.running(artifact) as server:
        load(server)
        series = scrape(server)
        for query in own:
            missing = unanswered(series, query, {"$model": ".*"})
            check(not missing, f"{query} of the dashboard finds no {missing}")
    print(f"{len(queries)} queries of vLLM's names, {len(own)} of our dashboard, {len(series)} series")


if __name__ == "__main__":
    axiom.main_of(everything)
