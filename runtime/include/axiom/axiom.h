/* The C API of Axiom: open a compiled model (model.axm), turn text into tokens and back, and
 * generate for many requests at once.
 *
 * Rules that hold for every call
 * - Status: functions return axiom_status; AXIOM_OK is 0. axiom_last_error() then has the sentence,
 * for the calling thread, until its next failing call. Nothing throws, nothing ends the process.
 * - Structs: the caller sets struct_size = sizeof(the struct), directly or by the _init function.
 * New fields come at the end; an older caller's smaller struct stays valid.
 * - Threads: an axiom_model never changes and may be used by any number of threads. An axiom_engine
 * may too: submit, poll, wait, cancel, release and stats are safe at the same time.
 * - Ownership: what a function creates is freed by its own close, destroy or free function. Strings
 * and arrays given to a function are copied before it returns. An engine keeps its model alive.
 * - Callbacks run on the engine's thread (or in axiom_engine_step and axiom_wait of a manual
 * engine). Inside one, submit, cancel, release, poll and stats may be called; axiom_wait returns at
 * once, and axiom_engine_destroy and axiom_forward are refused. Pointers in an event or row are
 * valid during the callback only. A slow callback delays all requests of the engine. */
#ifndef AXIOM_AXIOM_H
#define AXIOM_AXIOM_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define AXIOM_API __attribute__((visibility("default")))
#else
#define AXIOM_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* Raised when a change breaks callers. axiom_open() checks it. */
#define AXIOM_ABI_VERSION 1u

typedef enum axiom_status {
  AXIOM_OK = 0,
  AXIOM_INVALID_ARGUMENT = 1, /* the caller's value is wrong */
  AXIOM_BAD_INPUT = 2,        /* the file is damaged or malformed */
  AXIOM_UNSUPPORTED = 3,      /* well formed, but not for this library or machine */
  AXIOM_RESOURCE = 4,         /* memory, threads, file descriptors; what can never fit */
  AXIOM_NOT_FOUND = 5,        /* no such file or request */
  AXIOM_CANCELLED = 6,
  AXIOM_INTERNAL = 7,
  AXIOM_AGAIN = 8,      /* nothing yet: poll or wait again */
  AXIOM_OVERLOADED = 9, /* too much to do now: axiom_retry_after_ms() says when to come again */
  AXIOM_TIMED_OUT = 10  /* the request's deadline has passed */
} axiom_status;

AXIOM_API uint32_t axiom_abi_version(void);
/* "0.1.0" */
AXIOM_API const char *axiom_version(void);
/* Versions of the artifact format, the numerics and the kernel ABI that this library reads. */
AXIOM_API void axiom_format_versions(uint32_t *format, uint32_t *numerics, uint32_t *kernel_abi);
/* The calling thread's last error; never NULL. */
AXIOM_API const char *axiom_last_error(void);

/* --- Models ------------------------------------------------------------------------------------
 */

typedef struct axiom_model axiom_model;

typedef enum axiom_load { AXIOM_LOAD_MAP = 0, AXIOM_LOAD_COPY = 1, AXIOM_LOAD_HUGE = 2 } axiom_load;

typedef struct axiom_open_options {
  size_t struct_size;
  /* AXIOM_LOAD_MAP: weights are pages of the file, shared between processes. If another program
   * shortens the file meanwhile, reading them raises SIGBUS and ends the process, unless
   * guard_faults is set. AXIOM_LOAD_COPY: weights are copied, the file may change afterwards.
   * AXIOM_LOAD_HUGE: the same, into pages of 2 MiB where the system has them (transparent huge
   * pages); starting takes longer. */
  axiom_load load;
  /* 1: installs a SIGBUS handler (once in the process, chaining to the one before it). A fault in a
   * mapped model then ends that model's requests with an error instead of the process. */
  uint32_t guard_faults;
  const char *isa;     /* ISA level such as "x86-64-v3"; NULL: the best that is proven */
  uint32_t verify_all; /* 1: check the digests of everything, weights too */
  /* Bytes. AXIOM_LOAD_COPY and AXIOM_LOAD_HUGE refuse weights that take more, before they take
   * memory; 0: what the system has. */
  uint64_t memory_limit;
  /* 1: with AXIOM_LOAD_MAP, pages of the weights come in when they are first read. 0: axiom_open()
   * brings them all in, so that the first step is not slower than the others. */
  uint32_t lazy;
  /* "cpu" or NULL; "cuda" or "cuda:N": the model's code for CUDA runs on that NVIDIA GPU, whose
   * driver is loaded now. A GPU that was asked for and can't be had is an error. Its weights are
   * copied to it when the first engine is created; `load` and `lazy` mean nothing then, and `isa`
   * is refused. */
  const char *device;
} axiom_open_options;

/* `abi_version` is AXIOM_ABI_VERSION; a library with another one refuses. `options` may be NULL. */
AXIOM_API axiom_status axiom_open(uint32_t abi_version, const char *path,
                                  const axiom_open_options *options, axiom_model **model);
/* Engines of the model may still exist. NULL is ignored. */
AXIOM_API void axiom_close(axiom_model *model);

typedef struct axiom_model_info {
  size_t struct_size;
  const char *name, *family, *target; /* valid until axiom_close() */
  uint32_t layers, hidden, heads, kv_heads, head_dim, vocab, max_context;
  int32_t bos;        /* -1: none */
  const int32_t *eos; /* valid until axiom_close() */
  size_t num_eos;
  uint32_t has_tokenizer, has_chat_template;
  uint64_t file_bytes, weight_bytes;
  uint64_t kv_bytes_per_64; /* KV memory of 64 positions */
  float bits_per_weight;
  uint64_t num_weights; /* elements of all matrices, a tied one counted once */
  const char *device;   /* for people: "CPU", "cuda:0 (NVIDIA ...)", with the seconds that PTX took
                         * to compile; valid until axiom_close() */
} axiom_model_info;

AXIOM_API axiom_status axiom_model_get_info(const axiom_model *model, axiom_model_info *info);

/* --- Text --------------------------------------------------------------------------------------
 */
/* Results go into the caller's buffer. *count (*length) is always what the whole result needs; what
 * does not fit is left out, so a first call with capacity 0 asks for the size. */

enum {
  AXIOM_TOKENIZE_ADD_SPECIAL = 1,   /* BOS and EOS as the tokenizer's configuration says */
  AXIOM_TOKENIZE_PARSE_SPECIAL = 2, /* special tokens written in the text become tokens */
  AXIOM_DETOKENIZE_KEEP_SPECIAL = 4 /* show special tokens */
};

AXIOM_API axiom_status axiom_tokenize(const axiom_model *model, const char *text, size_t size,
                                      uint32_t flags, int32_t *tokens, size_t capacity,
                                      size_t *count);
/* UTF-8, not terminated. */
AXIOM_API axiom_status axiom_detokenize(const axiom_model *model, const int32_t *tokens,
                                        size_t count, uint32_t flags, char *text, size_t capacity,
                                        size_t *length);

typedef struct axiom_message {
  const char *role;    /* "system", "user", "assistant" */
  const char *content; /* untrusted: a special token written in it stays text */
} axiom_message;

/* The text that the model's chat template makes of the messages, ready for an answer. */
AXIOM_API axiom_status axiom_render_chat(const axiom_model *model, const axiom_message *messages,
                                         size_t num_messages, char *text, size_t capacity,
                                         size_t *length);
/* The same as tokens: the prompt of a chat request. */
AXIOM_API axiom_status axiom_tokenize_chat(const axiom_model *model, const axiom_message *messages,
                                           size_t num_messages, int32_t *tokens, size_t capacity,
                                           size_t *count);

/* --- Engines -----------------------------------------------------------------------------------
 */

typedef struct axiom_engine axiom_engine;

typedef struct axiom_engine_options {
  size_t struct_size;
  uint32_t threads;            /* 0: usable cores */
  uint32_t max_batched_tokens; /* tokens of a step; 0: 512 */
  uint32_t max_sequences;      /* running at once; 0: 16 */
  uint32_t max_rows;           /* rows of logits of a step; 0: max_sequences */
  uint64_t kv_positions;  /* KV memory, in tokens of all sequences together; 0: chosen to fit */
  uint64_t memory_limit;  /* bytes for weights, KV and workspace; 0: what the system has */
  uint32_t max_requests;  /* not yet finished; 0: 4096 */
  uint32_t manual;        /* 1: no thread; the caller runs axiom_engine_step() */
  uint32_t oversubscribe; /* 1: `threads` even where there are fewer cores (tests) */
  uint32_t eager;         /* 1: a GPU's kernels are launched one by one, not as graphs (tests) */
  /* Called while axiom_engine_create() copies the weights to a GPU: bytes so far, and in all. */
  void (*upload)(void *user, uint64_t done, uint64_t total);
  void *upload_user;
  uint32_t
      no_prefix_cache; /* 1: the KV memory of a prompt that was seen before is not used again */
  /* The queue: requests of which nothing has been computed yet. 0: no bound. */
  uint32_t max_queued_requests;
  uint64_t max_queued_tokens; /* of their prompts */
  uint64_t max_queue_ms;      /* what a new one would wait, by the rate measured */
  /* Guesses of a sequence's next tokens that a step computes along, where that pays; 0: none.
   * Results are the same. */
  uint32_t max_draft_tokens;
  uint32_t max_step_ms; /* while sequences decode, prompts take no more of a step; 0: no bound */
} axiom_engine_options;

/* On a GPU everything counts in its memory. */
typedef struct axiom_memory {
  size_t struct_size;
  uint64_t weight_bytes, kv_bytes, workspace_bytes, total_bytes;
  uint64_t limit_bytes;       /* what there is */
  uint64_t kv_positions;      /* what kv_bytes hold */
  uint64_t largest_positions; /* the most that would fit */
  uint32_t fits;
} axiom_memory;

/* What an engine would take; allocates nothing. `options` may be NULL. */
AXIOM_API axiom_status axiom_plan_memory(const axiom_model *model,
                                         const axiom_engine_options *options, axiom_memory *memory);

/* Refuses with AXIOM_RESOURCE, before allocating, what does not fit. `options` may be NULL. */
AXIOM_API axiom_status axiom_engine_create(const axiom_model *model,
                                           const axiom_engine_options *options,
                                           axiom_engine **engine);
/* Ends its requests with AXIOM_FINISH_CANCELLED, then frees it. Refused inside a callback. */
AXIOM_API axiom_status axiom_engine_destroy(axiom_engine *engine);
/* Manual engines: one step; *worked is 0 when there is nothing to do. */
AXIOM_API axiom_status axiom_engine_step(axiom_engine *engine, uint32_t *worked);

typedef struct axiom_logit_bias {
  int32_t token;
  float bias;
} axiom_logit_bias;

/* One row of logits: the model's numbers for the token after `position`. */
typedef void (*axiom_row_callback)(void *user, uint32_t sample, uint32_t position,
                                   const float *logits, uint32_t vocab);

typedef enum axiom_pooling {
  AXIOM_POOLING_NONE = 0,
  AXIOM_POOLING_MEAN = 1, /* over all tokens */
  AXIOM_POOLING_LAST = 2  /* of the last token */
} axiom_pooling;

typedef struct axiom_request {
  size_t struct_size;
  const int32_t *prompt; /* or NULL: prompt_text, tokenized with AXIOM_TOKENIZE_ADD_SPECIAL */
  size_t prompt_count;
  const char *prompt_text;
  uint32_t max_tokens;      /* 0: what is left of the context and the KV memory */
  uint32_t min_tokens;      /* no stop token or stop string before so many tokens */
  float temperature;        /* 0: greedy; default 1 */
  uint32_t top_k;           /* 0: off */
  float top_p;              /* 1: off */
  float min_p;              /* 0: off */
  float repetition_penalty; /* 1: off */
  float presence_penalty, frequency_penalty; /* 0: off */
  uint64_t seed;           /* the same seed gives the same tokens, whatever else runs; default 0 */
  uint32_t n;              /* samples; default 1 */
  uint32_t logprobs;       /* most likely tokens to report with each token */
  uint32_t chosen_logprob; /* 1: report the chosen token's log probability */
  uint32_t ignore_eos;
  uint32_t include_stop; /* 1: the stop string or token is part of the text */
  uint32_t fresh_text;   /* 1: the output starts a text of its own (chat), not a continuation */
  const axiom_logit_bias *logit_bias;
  size_t num_logit_bias;
  const int32_t *stop_tokens;
  size_t num_stop_tokens;
  const char *const *stop_strings;
  size_t num_stop_strings;
  uint32_t only_logits;    /* 1: compute the prompt for its rows, generate nothing */
  axiom_row_callback rows; /* NULL: none. Called for prompt positions from rows_from on and for each
                            * generated position, on the engine's thread */
  uint32_t rows_from;
  void *rows_user;
  uint64_t fair_key;      /* whose it is: keys share the engine evenly; default 0 */
  int32_t priority;       /* among a key's requests, lower comes first: 10 s of waiting each */
  uint64_t deadline_ms;   /* from now: then it ends with AXIOM_TIMED_OUT; 0: none */
  const char *cache_salt; /* KV memory is shared between equal salts only; NULL: one of its own */
  uint32_t embedding;     /* enum axiom_pooling; not NONE: the prompt's embedding, nothing else */
  uint32_t raw_embedding; /* 1: of whatever length; 0: of length 1 */
} axiom_request;

/* Defaults; struct_size = sizeof(axiom_request). */
AXIOM_API void axiom_request_init(axiom_request *request, size_t struct_size);

typedef enum axiom_finish {
  AXIOM_FINISH_NONE = 0, /* the sample goes on */
  AXIOM_FINISH_STOP = 1, /* stop token or stop string */
  AXIOM_FINISH_LENGTH = 2,
  AXIOM_FINISH_CANCELLED = 3,
  AXIOM_FINISH_ERROR = 4
} axiom_finish;

typedef struct axiom_logprob {
  int32_t token;
  float logprob;
} axiom_logprob;

typedef struct axiom_event {
  size_t struct_size;
  uint64_t request;
  uint32_t sample;
  int32_t token;    /* -1: no token came with this event */
  const char *text; /* what became certain: whole UTF-8 characters, terminated */
  size_t text_size;
  float logprob;
  const axiom_logprob *top;
  size_t num_top;
  axiom_finish finish;                   /* not NONE: the sample's last event */
  uint32_t last;                         /* 1: the request's last event */
  const char *stop;                      /* the stop string that ended it, or "" */
  axiom_status status;                   /* with AXIOM_FINISH_ERROR */
  const char *error;                     /* its sentence, or "" */
  uint32_t prompt_tokens, output_tokens; /* of the sample so far */
  uint32_t cached_tokens;                /* of prompt_tokens: their KV memory was there */
  const float *embedding;                /* of a request for one, with its only event; else NULL */
  size_t embedding_size;
} axiom_event;

typedef void (*axiom_event_callback)(void *user, const axiom_event *event);

/* With a callback, all events go there, the last one with `last` set. Without one (NULL), read them
 * with axiom_poll() or axiom_wait(). */
AXIOM_API axiom_status axiom_submit(axiom_engine *engine, const axiom_request *request,
                                    axiom_event_callback callback, void *user, uint64_t *id);
/* After AXIOM_OVERLOADED on this thread: when a request would be taken, by the rate measured. */
AXIOM_API uint64_t axiom_retry_after_ms(void);
/* The next event. AXIOM_AGAIN: none yet. AXIOM_NOT_FOUND: unknown, or its last event has been read.
 * The event's pointers are valid until the calling thread's next poll or wait. */
AXIOM_API axiom_status axiom_poll(axiom_engine *engine, uint64_t id, axiom_event *event);
/* Waits up to `milliseconds`, negative: for ever. On a manual engine it runs the steps itself. */
AXIOM_API axiom_status axiom_wait(axiom_engine *engine, uint64_t id, int64_t milliseconds,
                                  axiom_event *event);
/* The request ends with AXIOM_FINISH_CANCELLED; unknown ids are ignored. */
AXIOM_API void axiom_cancel(axiom_engine *engine, uint64_t id);
/* Cancels, and drops the events that are not read. For requests without a callback. */
AXIOM_API void axiom_release(axiom_engine *engine, uint64_t id);

typedef struct axiom_stats {
  size_t struct_size;
  uint32_t queued, running; /* sequences now */
  uint64_t requests, finished, failed;
  uint64_t prompt_tokens, recomputed_tokens, output_tokens;
  uint64_t steps, mixed_steps; /* steps; of these with several sequences */
  uint64_t split_prompts, preemptions;
  uint32_t kv_blocks_used, kv_blocks_total; /* of 64 positions */
  uint32_t kv_blocks_cached;                /* hold a prefix that may be used again */
  uint64_t prefix_queries, prefix_hits;     /* prompt tokens looked for, and found */
  uint64_t refused, timed_out;              /* requests: AXIOM_OVERLOADED, AXIOM_TIMED_OUT */
  uint64_t drafts, draft_tokens;            /* guesses that steps computed along */
  uint64_t accepted_draft_tokens;           /* of these: were right */
  uint64_t queued_tokens;                   /* prompt tokens of which nothing is computed yet */
} axiom_stats;

AXIOM_API axiom_status axiom_engine_get_stats(const axiom_engine *engine, axiom_stats *stats);

/* Runs the tokens through the model and gives the rows of logits from position `first_row` on, in
 * order; returns when all are given. Other requests of the engine go on meanwhile. */
AXIOM_API axiom_status axiom_forward(axiom_engine *engine, const int32_t *tokens, size_t count,
                                     uint32_t first_row, axiom_row_callback rows, void *user);

/* The embedding of the tokens, of length 1; returns when it is there. *size is the model's hidden
 * size, `values` gets as many as there is room for (NULL with capacity 0: the size alone).
 * AXIOM_UNSUPPORTED: the artifact was compiled by a version that had no embeddings. */
AXIOM_API axiom_status axiom_embed(axiom_engine *engine, const int32_t *tokens, size_t count,
                                   axiom_pooling pooling, float *values, size_t capacity,
                                   size_t *size);

/* --- Golden answers (axiomc writes them, axiom-check compares) ---------------------------------
 */

typedef struct axiom_golden_prompt {
  const int32_t *tokens;
  size_t count;
} axiom_golden_prompt;

/* Runs the prompts and returns the golden segment: digests of the hidden state after each layer, of
 * the logits, of each tensor, and of tokenizer, template and code images. Free it with
 * axiom_free(). */
AXIOM_API axiom_status axiom_golden_create(const axiom_model *model,
                                           const axiom_golden_prompt *prompts, size_t num_prompts,
                                           uint8_t **bytes, size_t *size);
AXIOM_API void axiom_free(void *bytes);

#ifdef __cplusplus
}
#endif
#endif
