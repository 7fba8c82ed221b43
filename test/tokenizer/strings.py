"""Strings for the differential test: real lines and generated ones that are hard to tokenize."""
import random
import unicodedata

SPACES = " \t\n\r\v\f\u0085\u00a0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u180e\u200e\u200f\u202e"
CONTRACTIONS = ["'s", "'S", "'t", "'re", "'RE", "'rE", "'ve", "'VE", "'m", "'ll", "'LL", "'lL", "'d", "'D",
                "'\u017f", "\u2019s", "''s", "'", "'l", "'r", "'v", "don't", "I'LL", "we'Re", "'sa", "x's"]
EMOJI = ["👍", "👍🏽", "👨‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "🇩", "❤️", "☺", "1️⃣", "🫠", "🤷🏿‍♀️", "©", "™"]
DIGITS = "0123456789٠٣٩०५৭๓½¾²³¹Ⅷⅳ①⑳〇一三𝟘𝟡𑁦"
MARKS = "\u0300\u0301\u0302\u0303\u0307\u0308\u030a\u0323\u0327\u0328\u0338\u0345\u034f\u0483\u05b0\u05bc\u0651\u093c\u094d\u0e31\u0f71\u0f72\u3099\u309a\u20dd\u1dce"
BASES = "aAeEiouUnNcCsSyÅåÄé\u01d5\u1e69ΑαΩωυ\u1f00کयகำㄱ가각각\u0958\u2126\u212b\u0374\u0387かハ"
SPECIALS = ["<|begin|>", "<|end|>", "<|end|>x", "<|end|", "<tool>", "<lstrip>", "<rstrip>", "word", "words",
            "sword", " word ", "    ", "     ", "caf\u00e9", "cafe\u0301", "norm alized", "<both>", " <both> ",
            "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<s>", "</s>", "<unk>", "<0x41>", "<0x0A>", "<0x", "\u2581",
            "\u2581\u2581", "<repo_name>"]
PUNCTUATION = list("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + ["...", "--", "—", "«", "»", "。", "、", "!?", "://", "#!", "\\n", "€", "±", "_x"]
WORDS = "the of and Hello world tokenizer naïve über Straße Привет мир 你好 世界 こんにちは 안녕 مرحبا שלום नमस्ते สวัสดี İstanbul ǅ ﬁ ß ŉ".split()
RANGES = [(0x20, 0x7e), (0, 0x1f), (0x7f, 0xff), (0x100, 0x24f), (0x250, 0x36f), (0x370, 0x5ff), (0x600, 0x8ff),
          (0x900, 0xdff), (0xe00, 0x11ff), (0x1200, 0x1fff), (0x2000, 0x2bff), (0x2c00, 0x33ff), (0x3400, 0x9fff),
          (0xa000, 0xabff), (0xac00, 0xd7ff), (0xe000, 0xf8ff), (0xf900, 0xffff), (0x10000, 0x11fff),
          (0x12000, 0x1cfff), (0x1d000, 0x1ffff), (0x20000, 0x3ffff), (0xe0000, 0xe0fff), (0xf0000, 0x10ffff)]


def random_char(rng):
    while True:
        low, high = rng.choice(RANGES)
        c = rng.randint(low, high)
        if not 0xD800 <= c <= 0xDFFF:
            return chr(c)


def piece(rng):
    kind = rng.randrange(14)
    some = lambda items, most: "".join(rng.choice(items) for _ in range(rng.randint(1, most)))
    if kind == 0:
        return some(SPACES, 4)
    if kind == 1:
        return " " * rng.randint(1, 9)
    if kind == 2:
        return rng.choice(CONTRACTIONS)
    if kind == 3:
        return rng.choice(EMOJI)
    if kind == 4:
        return some(DIGITS, 8)
    if kind == 5:
        return some("0123456789", 12)
    if kind == 6:
        return rng.choice(BASES) + some(MARKS, 4)
    if kind == 7:
        return rng.choice(SPECIALS)
    if kind == 8:
        return some(PUNCTUATION, 4)
    if kind == 9:
        return "".join(random_char(rng) for _ in range(rng.randint(1, 6)))
    if kind == 10:
        return some(INVISIBLE + SPACES, 3)
    if kind == 11:
        return rng.choice(["\n", "\r\n", "\n\n", " \n", "\n ", "\r", "\t\n\t"])
    if kind == 12:
        return unicodedata.normalize(rng.choice(["NFC", "NFD", "NFKD"]), some(WORDS, 2))
    return rng.choice([" ", ""]) + rng.choice(WORDS)


def generate(rng, lines):
    """One text, or bytes that are (probably) not UTF-8."""
    kind = rng.random()
    if lines and kind < 0.3:
        line = rng.choice(lines)
        if rng.random() < 0.5:
            return line
        a, b = sorted((rng.randint(0, len(line)), rng.randint(0, len(line))))
        return line[a:b]
    if kind < 0.33:
        return rng.choice(["a", "ab", " ", "aaab", "é", "\u0301", "今", "0", ".", "\n", "'"]) * rng.randint(40, 400)
    if lines and kind < 0.45:
        line = list(rng.choice(lines)[:200])
        for _ in range(rng.randint(1, 5)):
            line.insert(rng.randint(0, len(line)), piece(rng))
        return "".join(line)
    text = "".join(piece(rng) for _ in range(rng.randint(0, 12)))
    if kind < 0.5:
        raw = bytearray(text.encode())
        for _ in range(rng.randint(1, 4)):
            if raw and rng.random() < 0.5:
                del raw[rng.randrange(len(raw))]
            else:
                raw.insert(rng.randint(0, len(raw)), rng.choice([0x80, 0xC0, 0xC3, 0xE2, 0xED, 0xF0, 0xF4, 0xFF, rng.randrange(256)]))
        return bytes(raw)
    return text
