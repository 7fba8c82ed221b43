"""The tokenizer kinds of the differential test: small vocabularies, trained on the spot with each
kind's normalizer and pre-tokenizer, and real ones from files."""
import json

from tokenizers import (AddedToken, Regex, Tokenizer, decoders, models, normalizers,
                        pre_tokenizers, processors, trainers)

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
          r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}"
          r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")

# Special and other added tokens of every flavour; prefixes of each other, white space, accents.
ADDED = [
    AddedToken("<|begin|>", special=True, normalized=False),
    AddedToken("<|end|>", special=True, normalized=False),
    AddedToken("<|end|>x", special=True, normalized=False),
    AddedToken("<tool>", special=False, normalized=False),
    AddedToken("<lstrip>", special=True, normalized=False, lstrip=True),
    AddedToken("<rstrip>", special=False, normalized=False, rstrip=True),
    AddedToken("word", special=False, normalized=False, single_word=True),
    AddedToken("    ", special=False, normalized=False),
    AddedToken("caf\u00e9", special=False, normalized=True),
    AddedToken("norm alized", special=False, normalized=True),
    AddedToken("<both>", special=True, normalized=True, lstrip=True, rstrip=True),
]

# Seen in training beside the given text, so that small vocabularies know more than English.
SEED_TEXT = [
    "I'm here, you'll see; they've gone, we'd DON'T 'S 'RE it's 12345 3.14 1,000\r\n\r\n\tx = y+1;",
    "Der Fluß fließt über Österreich. Où est le café ? El niño comió mañana.",
    "Привет, мир! Как дела? Γειά σου κόσμε. שלום עולם. مرحبا بالعالم. नमस्ते दुनिया। สวัสดีชาวโลก",
    "क्या हिन्दी में लिखना ठीक है? ภาษาไทยเป็นภาษาที่สวยงามมาก ที่นี่ שָׁלוֹם לְכֻלָּם מַה שְּׁלוֹמְךָ",
    "Tiếng Việt có nhiều dấu. Vie\u0302\u0323t na\u0306\u0300y a\u030a o\u0308 e\u0301 Übergröße",
    "  two\n\n\n   three... \n\n!!!\r\n\r\n\t\tif (a == b) {\n        return 2024;\n    }\n#[test]\n'quote' \"x\"",
    "你好，世界。今日は良い天気です。안녕하세요 세계 조선말. 👍🏽 👨‍👩‍👧‍👦 🇩🇪 ½ ² Ⅷ ٣٤",
]


def corpus(text):
    return SEED_TEXT * max(3, len(text) // 60) + text


# Vocabularies are trained without a pre-tokenizer (but for the alphabet): then merges cross every
# border, and a border in the wrong place shows in the ids.
def byte_level(normalizer, pre, text, size, ignore_merges=False, bos=None, drop=0):
    t = Tokenizer(models.BPE())
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    t.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, max_token_length=12, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
                                  special_tokens=["<|endoftext|>"], show_progress=False)
    t.train_from_iterator(corpus(text), trainer)
    t.pre_tokenizer = pre
    data = json.loads(t.to_str())
    data["model"]["ignore_merges"] = ignore_merges
    if drop:  # tokens that merging does not reach: only ignore_merges finds them
        data["model"]["merges"] = [m for i, m in enumerate(data["model"]["merges"]) if i < 40 or i % drop]
    t = Tokenizer.from_str(json.dumps(data))
    t.add_tokens(ADDED)
    if bos:
        t.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single=f"{bos} $A", pair=f"{bos} $A {bos} $B",
                                          special_tokens=[(bos, t.token_to_id(bos))])])
    return t.to_str()


def sentence_piece(text, size, normalizer, pre, decoder, fallback=True, eos=False):
    t = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=fallback))
    if normalizer:
        t.normalizer = normalizer
    t.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    words = ["<unk>", "<s>", "</s>"] + ([f"<0x{b:02X}>" for b in range(256)] if fallback else [])
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=words, limit_alphabet=160,
                                  max_token_length=12, show_progress=False)
    t.train_from_iterator(corpus(text), trainer)
    data = json.loads(t.to_str())
    data["added_tokens"] = data["added_tokens"][:3]
    data["pre_tokenizer"] = None
    t = Tokenizer.from_str(json.dumps(data))
    if pre:
        t.pre_tokenizer = pre
    t.decoder = decoder
    t.add_tokens(ADDED)
    single = "<s> $A </s>" if eos else "<s> $A"
    t.post_processor = processors.TemplateProcessing(
        single=single, pair=single + " $B:1", special_tokens=[("<s>", 1), ("</s>", 2)])
    return t.to_str()


def llama_decoder(strip=True):
    steps = [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strip else []))


def trained(name, text, size):
    """tokenizer.json of a trained kind."""
    gpt2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    sequence = pre_tokenizers.Sequence

    def regex(pattern, behavior="isolated", invert=False):
        return pre_tokenizers.Split(Regex(pattern), behavior, invert)

    prepend = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    space = normalizers.Replace(" ", "\u2581")
    if name == "gpt2":
        return byte_level(None, gpt2, text, size)
    if name == "gpt2-prefix":
        return byte_level(None, pre_tokenizers.ByteLevel(add_prefix_space=True), text, size)
    if name == "smollm":
        return byte_level(None, sequence([pre_tokenizers.Digits(individual_digits=True), gpt2]), text, size)
    if name == "digit-runs":
        return byte_level(None, sequence([pre_tokenizers.Digits(individual_digits=False), gpt2]), text, size)
    if name == "llama3":
        return byte_level(None, sequence([regex(LLAMA3), plain]), text, size, True, "<|begin|>", 3)
    if name == "qwen2":
        return byte_level(normalizers.NFC(), sequence([regex(QWEN2), plain]), text, size)
    if name == "qwen2-removed":
        return byte_level(normalizers.NFC(), sequence([regex(QWEN2, "removed", True), plain]), text, size)
    if name == "qwen35":
        return byte_level(normalizers.NFC(), sequence([regex(QWEN35), plain]), text, size)
    if name == "llama2":
        return sentence_piece(text, size, prepend, None, llama_decoder())
    if name == "gemma":
        split = pre_tokenizers.Split(" ", "merged_with_previous")
        return sentence_piece(text, size, space, split, llama_decoder(strip=False), eos=True)
    if name == "metaspace-first":
        pre = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
        return sentence_piece(text, size, None, pre, llama_decoder())
    if name == "metaspace-always":
        pre = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
        return sentence_piece(text, size, None, pre, decoders.Metaspace(prepend_scheme="always", split=True),
                              fallback=False)
    raise KeyError(name)


def change_added(data, content, /, **flags):
    next(t for t in data["added_tokens"] if t["content"] == content).update(flags)


# Changes of a kind's tokenizer.json that the test must notice; else it could not fail.
MUTATIONS = [
    ("gpt2", "digits apart", lambda j: j.update(pre_tokenizer={
        "type": "Sequence", "pretokenizers": [{"type": "Digits", "individual_digits": True}, j["pre_tokenizer"]]})),
    ("gpt2", "word becomes special", lambda j: change_added(j, "word", special=True)),
    ("gpt2", "single_word", lambda j: change_added(j, "word", single_word=False)),
    ("gpt2", "another added token", lambda j: change_added(j, "norm alized", content="norm-alized")),
    ("smollm", "digits in runs", lambda j: j["pre_tokenizer"]["pretokenizers"][0].update(individual_digits=False)),
    ("llama3", "merges not ignored", lambda j: j["model"].update(ignore_merges=False)),
    ("llama3", "two digits", lambda j: j["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(
        Regex=LLAMA3.replace("{1,3}", "{1,2}"))),
    ("llama3", "contractions in lower case only", lambda j: j["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(
        Regex=LLAMA3.replace("?i:", "?:"))),
    ("qwen2", "no NFC", lambda j: j.update(normalizer=None)),
    ("qwen35", "marks apart", lambda j: j["pre_tokenizer"]["pretokenizers"][0]["pattern"].update(Regex=QWEN2)),
    ("llama2", "no byte fallback", lambda j: j["model"].update(byte_fallback=False)),
    ("llama2", "first space kept", lambda j: j["decoder"]["decoders"].pop()),
    ("gemma", "strips at the right", lambda j: change_added(j, "<tool>", rstrip=True)),
    ("gemma", "strips at the left", lambda j: change_added(j, "<|begin|>", lstrip=True)),
    ("gemma", "does not strip", lambda j: change_added(j, "<both>", lstrip=False)),
    ("metaspace-first", "always", lambda j: j["pre_tokenizer"].update(prepend_scheme="always")),
    ("metaspace-always", "not split", lambda j: j["pre_tokenizer"].update(split=False)),
]

TRAINED = ["gpt2", "gpt2-prefix", "smollm", "digit-runs", "llama3", "qwen2", "qwen2-removed", "qwen35",
           "llama2", "gemma", "metaspace-first", "metaspace-always"]


def scored_pieces(text, size):
    """(members of GgufTokenizer as JSON, equivalent tokenizer.json) of a GGUF with model = llama: a
    trained vocabulary whose scores fall with the rank. The merges for the reference are made as
    Hugging Face's converter makes them: every cut of a piece in two pieces, the best pieces first,
    then those with the longer left part."""
    data = json.loads(trained("llama2", text, size))
    vocab = data["model"]["vocab"]
    data["added_tokens"] = [dict(t, normalized=False, lstrip=False, rstrip=False, single_word=False)
                            for t in data["added_tokens"]]
    for t in data["added_tokens"]:
        vocab.setdefault(t["content"], t["id"])
    pieces = sorted(vocab, key=vocab.get)
    added = {t["content"]: t["special"] for t in data["added_tokens"]}
    types = [(3 if added[p] else 4) if p in added else 6 if p.startswith("<0x") else 1 for p in pieces]
    types[0] = 2
    # Some pieces share a score, so that the order of their cuts counts.
    scores = [0.0 if k not in (1, 4) else -float(i // 3) for i, k in enumerate(types)]
    cuts = []
    for piece in pieces:
        own = [(piece[:i], piece[i:]) for i in range(1, len(piece)) if piece[:i] in vocab and piece[i:] in vocab]
        own.sort(key=lambda c: (vocab[c[0]], vocab[c[1]]))
        cuts += [(scores[vocab[piece]], len(a), len(b), a, b) for a, b in own]
    cuts.sort(key=lambda c: c[:3], reverse=True)
    data["model"]["merges"] = [list(c[3:]) for c in cuts]
    meta = {"model": "llama", "pre": "default", "tokens": pieces, "scores": scores, "tokenTypes": types,
            "bosId": 1, "eosId": 2, "unkId": 0}
    return json.dumps(meta), json.dumps(data)


# Kinds whose small vocabularies and sample are committed for the unit tests.
GOLDEN = ["gpt2", "gpt2-prefix", "smollm", "llama3", "qwen2", "qwen35", "llama2", "gemma", "metaspace-first",
          "metaspace-always"]


def from_gguf(path):
    """(members of GgufTokenizer as JSON, equivalent tokenizer.json) of a byte-level GGUF."""
    import gguf
    fields = gguf.GGUFReader(path).fields

    def value(key, default=None):
        field = fields.get("tokenizer.ggml." + key)
        return default if field is None else field.contents()

    tokens, types, merges = value("tokens"), value("token_type"), value("merges")
    meta = {"model": value("model"), "pre": value("pre", ""), "tokens": tokens, "tokenTypes": types,
            "merges": merges, "scores": value("scores", [])}
    for ours, theirs in [("bosId", "bos_token_id"), ("eosId", "eos_token_id"), ("unkId", "unknown_token_id"),
                         ("padId", "padding_token_id"), ("addBos", "add_bos_token"),
                         ("addEos", "add_eos_token"), ("addSpacePrefix", "add_space_prefix")]:
        if value(theirs) is not None:
            meta[ours] = value(theirs)
    if meta["pre"] != "smollm":
        raise SystemExit(f"{path}: the oracle is written for pre = smollm, not {meta['pre']}")
    t = Tokenizer(models.BPE(vocab={w: i for i, w in enumerate(tokens)},
                             merges=[tuple(m.split(" ")) for m in merges]))
    t.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                               pre_tokenizers.ByteLevel(add_prefix_space=False)])
    t.decoder = decoders.ByteLevel()
    t.add_tokens([AddedToken(w, special=k == 3, normalized=False)
                  for w, k in zip(tokens, types) if k in (3, 4)])
    return json.dumps(meta), t.to_str()
