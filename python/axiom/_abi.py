"""Written by tools/lint/python_abi.py from runtime/include/axiom/axiom.h."""
import ctypes as c

ABI_VERSION = 1
AXIOM_OK = 0
AXIOM_INVALID_ARGUMENT = 1
AXIOM_BAD_INPUT = 2
AXIOM_UNSUPPORTED = 3
AXIOM_RESOURCE = 4
AXIOM_NOT_FOUND = 5
AXIOM_CANCELLED = 6
AXIOM_INTERNAL = 7
AXIOM_AGAIN = 8
AXIOM_OVERLOADED = 9
AXIOM_TIMED_OUT = 10
AXIOM_LOAD_MAP = 0
AXIOM_LOAD_COPY = 1
AXIOM_LOAD_HUGE = 2
AXIOM_TOKENIZE_ADD_SPECIAL = 1
AXIOM_TOKENIZE_PARSE_SPECIAL = 2
AXIOM_DETOKENIZE_KEEP_SPECIAL = 4
AXIOM_POOLING_NONE = 0
AXIOM_POOLING_MEAN = 1
AXIOM_POOLING_LAST = 2
AXIOM_FINISH_NONE = 0
AXIOM_FINISH_STOP = 1
AXIOM_FINISH_LENGTH = 2
AXIOM_FINISH_CANCELLED = 3
AXIOM_FINISH_ERROR = 4


class axiom_open_options(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("load", c.c_int),
        ("guard_faults", c.c_uint32),
        ("isa", c.c_char_p),
        ("verify_all", c.c_uint32),
        ("memory_limit", c.c_uint64),
        ("lazy", c.c_uint32),
        ("device", c.c_char_p),
    ]


class axiom_model_info(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("name", c.c_char_p),
        ("family", c.c_char_p),
        ("target", c.c_char_p),
        ("layers", c.c_uint32),
        ("hidden", c.c_uint32),
        ("heads", c.c_uint32),
        ("kv_heads", c.c_uint32),
        ("head_dim", c.c_uint32),
        ("vocab", c.c_uint32),
        ("max_context", c.c_uint32),
        ("bos", c.c_int32),
        ("eos", c.POINTER(c.c_int32)),
        ("num_eos", c.c_size_t),
        ("has_tokenizer", c.c_uint32),
        ("has_chat_template", c.c_uint32),
        ("file_bytes", c.c_uint64),
        ("weight_bytes", c.c_uint64),
        ("kv_bytes_per_64", c.c_uint64),
        ("bits_per_weight", c.c_float),
        ("num_weights", c.c_uint64),
        ("device", c.c_char_p),
    ]


class axiom_message(c.Structure):
    _fields_ = [
        ("role", c.c_char_p),
        ("content", c.c_char_p),
    ]


class axiom_engine_options(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("threads", c.c_uint32),
        ("max_batched_tokens", c.c_uint32),
        ("max_sequences", c.c_uint32),
        ("max_rows", c.c_uint32),
        ("kv_positions", c.c_uint64),
        ("memory_limit", c.c_uint64),
        ("max_requests", c.c_uint32),
        ("manual", c.c_uint32),
        ("oversubscribe", c.c_uint32),
        ("eager", c.c_uint32),
        ("upload", c.CFUNCTYPE(None, c.c_void_p, c.c_uint64, c.c_uint64)),
        ("upload_user", c.c_void_p),
        ("no_prefix_cache", c.c_uint32),
        ("max_queued_requests", c.c_uint32),
        ("max_queued_tokens", c.c_uint64),
        ("max_queue_ms", c.c_uint64),
        ("max_draft_tokens", c.c_uint32),
        ("max_step_ms", c.c_uint32),
    ]


class axiom_memory(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("weight_bytes", c.c_uint64),
        ("kv_bytes", c.c_uint64),
        ("workspace_bytes", c.c_uint64),
        ("total_bytes", c.c_uint64),
        ("limit_bytes", c.c_uint64),
        ("kv_positions", c.c_uint64),
        ("largest_positions", c.c_uint64),
        ("fits", c.c_uint32),
    ]


class axiom_logit_bias(c.Structure):
    _fields_ = [
        ("token", c.c_int32),
        ("bias", c.c_float),
    ]


axiom_row_callback = c.CFUNCTYPE(None, c.c_void_p, c.c_uint32, c.c_uint32, c.POINTER(c.c_float), c.c_uint32)


class axiom_request(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("prompt", c.POINTER(c.c_int32)),
        ("prompt_count", c.c_size_t),
        ("prompt_text", c.c_char_p),
        ("max_tokens", c.c_uint32),
        ("min_tokens", c.c_uint32),
        ("temperature", c.c_float),
        ("top_k", c.c_uint32),
        ("top_p", c.c_float),
        ("min_p", c.c_float),
        ("repetition_penalty", c.c_float),
        ("presence_penalty", c.c_float),
        ("frequency_penalty", c.c_float),
        ("seed", c.c_uint64),
        ("n", c.c_uint32),
        ("logprobs", c.c_uint32),
        ("chosen_logprob", c.c_uint32),
        ("ignore_eos", c.c_uint32),
        ("include_stop", c.c_uint32),
        ("fresh_text", c.c_uint32),
        ("logit_bias", c.POINTER(axiom_logit_bias)),
        ("num_logit_bias", c.c_size_t),
        ("stop_tokens", c.POINTER(c.c_int32)),
        ("num_stop_tokens", c.c_size_t),
        ("stop_strings", c.POINTER(c.c_char_p)),
        ("num_stop_strings", c.c_size_t),
        ("only_logits", c.c_uint32),
        ("rows", axiom_row_callback),
        ("rows_from", c.c_uint32),
        ("rows_user", c.c_void_p),
        ("fair_key", c.c_uint64),
        ("priority", c.c_int32),
        ("deadline_ms", c.c_uint64),
        ("cache_salt", c.c_char_p),
        ("embedding", c.c_uint32),
        ("raw_embedding", c.c_uint32),
    ]


class axiom_logprob(c.Structure):
    _fields_ = [
        ("token", c.c_int32),
        ("logprob", c.c_float),
    ]


class axiom_event(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("request", c.c_uint64),
        ("sample", c.c_uint32),
        ("token", c.c_int32),
        ("text", c.POINTER(c.c_char)),
        ("text_size", c.c_size_t),
        ("logprob", c.c_float),
        ("top", c.POINTER(axiom_logprob)),
        ("num_top", c.c_size_t),
        ("finish", c.c_int),
        ("last", c.c_uint32),
        ("stop", c.c_char_p),
        ("status", c.c_int),
        ("error", c.c_char_p),
        ("prompt_tokens", c.c_uint32),
        ("output_tokens", c.c_uint32),
        ("cached_tokens", c.c_uint32),
        ("embedding", c.POINTER(c.c_float)),
        ("embedding_size", c.c_size_t),
    ]


axiom_event_callback = c.CFUNCTYPE(None, c.c_void_p, c.POINTER(axiom_event))


class axiom_stats(c.Structure):
    _fields_ = [
        ("struct_size", c.c_size_t),
        ("queued", c.c_uint32),
        ("running", c.c_uint32),
        ("requests", c.c_uint64),
        ("finished", c.c_uint64),
        ("failed", c.c_uint64),
        ("prompt_tokens", c.c_uint64),
        ("recomputed_tokens", c.c_uint64),
        ("output_tokens", c.c_uint64),
        ("steps", c.c_uint64),
        ("mixed_steps", c.c_uint64),
        ("split_prompts", c.c_uint64),
        ("preemptions", c.c_uint64),
        ("kv_blocks_used", c.c_uint32),
        ("kv_blocks_total", c.c_uint32),
        ("kv_blocks_cached", c.c_uint32),
        ("prefix_queries", c.c_uint64),
        ("prefix_hits", c.c_uint64),
        ("refused", c.c_uint64),
        ("timed_out", c.c_uint64),
        ("drafts", c.c_uint64),
        ("draft_tokens", c.c_uint64),
        ("accepted_draft_tokens", c.c_uint64),
        ("queued_tokens", c.c_uint64),
    ]


class axiom_golden_prompt(c.Structure):
    _fields_ = [
        ("tokens", c.POINTER(c.c_int32)),
        ("count", c.c_size_t),
    ]


FUNCTIONS = {
    "axiom_abi_version": (c.c_uint32, []),
    "axiom_version": (c.c_char_p, []),
    "axiom_format_versions": (None, [c.POINTER(c.c_uint32), c.POINTER(c.c_uint32), c.POINTER(c.c_uint32)]),
    "axiom_last_error": (c.c_char_p, []),
    "axiom_open": (c.c_int, [c.c_uint32, c.c_char_p, c.POINTER(axiom_open_options), c.POINTER(c.c_void_p)]),
    "axiom_close": (None, [c.c_void_p]),
    "axiom_model_get_info": (c.c_int, [c.c_void_p, c.POINTER(axiom_model_info)]),
    "axiom_tokenize": (c.c_int, [c.c_void_p, c.c_char_p, c.c_size_t, c.c_uint32, c.POINTER(c.c_int32), c.c_size_t, c.POINTER(c.c_size_t)]),
    "axiom_detokenize": (c.c_int, [c.c_void_p, c.POINTER(c.c_int32), c.c_size_t, c.c_uint32, c.c_char_p, c.c_size_t, c.POINTER(c.c_size_t)]),
    "axiom_render_chat": (c.c_int, [c.c_void_p, c.POINTER(axiom_message), c.c_size_t, c.c_char_p, c.c_size_t, c.POINTER(c.c_size_t)]),
    "axiom_tokenize_chat": (c.c_int, [c.c_void_p, c.POINTER(axiom_message), c.c_size_t, c.POINTER(c.c_int32), c.c_size_t, c.POINTER(c.c_size_t)]),
    "axiom_plan_memory": (c.c_int, [c.c_void_p, c.POINTER(axiom_engine_options), c.POINTER(axiom_memory)]),
    "axiom_engine_create": (c.c_int, [c.c_void_p, c.POINTER(axiom_engine_options), c.POINTER(c.c_void_p)]),
    "axiom_engine_destroy": (c.c_int, [c.c_void_p]),
    "axiom_engine_step": (c.c_int, [c.c_void_p, c.POINTER(c.c_uint32)]),
    "axiom_request_init": (None, [c.POINTER(axiom_request), c.c_size_t]),
    "axiom_submit": (c.c_int, [c.c_void_p, c.POINTER(axiom_request), axiom_event_callback, c.c_void_p, c.POINTER(c.c_uint64)]),
    "axiom_retry_after_ms": (c.c_uint64, []),
    "axiom_poll": (c.c_int, [c.c_void_p, c.c_uint64, c.POINTER(axiom_event)]),
    "axiom_wait": (c.c_int, [c.c_void_p, c.c_uint64, c.c_int64, c.POINTER(axiom_event)]),
    "axiom_cancel": (None, [c.c_void_p, c.c_uint64]),
    "axiom_release": (None, [c.c_void_p, c.c_uint64]),
    "axiom_engine_get_stats": (c.c_int, [c.c_void_p, c.POINTER(axiom_stats)]),
    "axiom_forward": (c.c_int, [c.c_void_p, c.POINTER(c.c_int32), c.c_size_t, c.c_uint32, axiom_row_callback, c.c_void_p]),
    "axiom_embed": (c.c_int, [c.c_void_p, c.POINTER(c.c_int32), c.c_size_t, c.c_int, c.POINTER(c.c_float), c.c_size_t, c.POINTER(c.c_size_t)]),
    "axiom_golden_create": (c.c_int, [c.c_void_p, c.POINTER(axiom_golden_prompt), c.c_size_t, c.POINTER(c.POINTER(c.c_uint8)), c.POINTER(c.c_size_t)]),
    "axiom_free": (None, [c.c_void_p]),
}
