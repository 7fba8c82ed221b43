"""Fixed snippets, one per construct and corner, and random templates."""

import re

DATA = {
    "s": "Hello, Wörld! 漢字",
    "empty": "",
    "blank": " \t\u00a0x y\n z \u3000",
    "lines": "one\ntwo\r\n\nthree\x0bfour\u2028five",
    "i": 7,
    "neg": -3,
    "zero": 0,
    "big": 123456789012345678901234567890,
    "f": 2.5,
    "tiny": 1e-7,
    "huge": 1.5e300,
    "yes": True,
    "no": False,
    "nothing": None,
    "l": [3, 1, 2],
    "words": ["pear", "Apple", "fig", "apple", "Fig"],
    "mixed": [1, "a", None, True, 2.0, [1, 2], {"k": "v"}],
    "d": {"b": 1, "a": {"x": [10, 20]}, "C": None, "items": "shadow", "get": 5},
    "people": [
        {"name": "Bo", "age": 30, "tag": {"id": 2}},
        {"name": "al", "age": 25, "tag": {"id": 1}},
        {"name": "Cy", "age": 30},
    ],
    "quote": "it's \"q\" \\ \x07 é \ud7ff",
    "html": "<a href=\"x\">T&C's</a>",
    "json": "{\"a\": [1, 2.50, true, null], \"b\": \"\\u00e9\\n\"}",
}

EXPRESSIONS = """
1 + 2 * 3 - 4 / 2
7 // 2, -7 // 2, 7 // -2, 7 % 3, -7 % 3, 7 % -3, -7 % -3
7.5 // 2, -7.5 // 2, 7.5 % 2, -7.5 % 2, 7 % 2.5, 1 / 3, 10 / 5
2 ** 10, 2 ** -1, (-2) ** 3, -2 ** 2, 2 ** 3 ** 2, 1.5 ** 3, 0 ** 0
1 / 0
1 // 0
1 % 0
1.0 / 0
true + true, true * 3, -true, +true, not 1, not '', not none
1 < 2 < 3, 1 < 3 < 2, 1 == 1.0 == true, 'a' < 'b' <= 'b', [1, 2] < [1, 3], (1, 2) == (1, 2)
[1, 2] == (1, 2), {'a': 1} == {'a': 1.0}, none == false, '' == none
1 < 'a'
none < 1
[1] < (1,)
1 in [1, 2], 'ell' in 'Hello', 3 not in (1, 2), 'b' in d, 'zz' in d, '' in ''
1 in 'a'
1 in 5
[1] in {}
'a' ~ 1 ~ none ~ true ~ 1.0 ~ [1, 'x'] ~ {'k': 'v'} ~ (1,) ~ ()
'a' + 1
1 + 'a'
'a' * 3, 3 * 'ab', [1, 2] * 2, 'a' * -1, (1,) * 2, 'a' * true
'a' * 1.5
'a' * 'b'
[1] + [2], (1,) + (2,), 'a' 'b' "c"
[1] + (2,)
none + 1
i if yes, i if no, i if yes else f, i if no else f
(i if no) is defined, (i if no) | default('none')
missing, missing | default('x'), missing is defined, missing is undefined, missing == missing2
missing.x
missing['x']
missing + 1
missing()
d.missing, d['missing'], d.missing is defined, d.missing | default(3)
d.missing.x
s.missing, i.missing, none.missing, l.missing, l[99], l[-99], s[99], d[1], none['x'], i['x'], i[0]
d.items(), d.keys(), d.values(), d.items is defined, d['items'], d['get'], d.get('b'), d.get('zz'), d.get('zz', 4)
d.get([1])
d.a.x[0], d.a['x'][-1], d['a'].x.1, people[0].name, people.0.age, s[0], s[-1], s[7], l[true], l[0:2]
l[1.0]
s[1:4], s[:5], s[-2:], s[::-1], s[::2], s[5:1:-1], s[-1:-4:-1], s[10:2], s[:], s[3:3]
l[::-1], l[1:], l[:-1], l[-2:], (1, 2, 3)[1:], range(10)[2:8:3], range(5)[::-1] | list, l[99:], l[:99]
l[::0]
l['a':]
d[1:2]
nothing[1:2]
missing[1:]
[1, 2.0, 'x', none, true, [], {}, (), (1,)]
{'a': 1, 2: 'b', none: [1], true: 2, 1.5: 3, (1, 2): 4}
{'a': 1, 'a': 2}, {1: 'x', true: 'y', 1.0: 'z'}
{[1]: 2}
1.0, 1.5, 100000000000000000.0, 1e16, 123456789.123, 0.0001, 0.00001, 1e22, 1.5e300, -0.0, 1e-7, 3.14159
1e400
0x1F, 0o17, 0b101, 1_000, 1_0.5_0, 1e3, 2E-2
"a\\tb\\n", 'q\\'q', "\\x41\\u00e9\\U0001F600\\101", "\\q", 'a\\\\b', "\\é"
quote, [quote], ["it's"], ['"'], ['\\'"'], ['\\x00\\x1f\\x7f\\xa0é\\u200b\\u2028😀']
yes and i, no and i, no or i, yes or i, '' or 'x', 0 or none, not yes or yes
s | length, l | length, d | length, missing | length, empty | length, '' | count, range(3) | length
5 | length
none | length
s | upper, s | lower, s | title, s | capitalize, 'ß' | upper, 'ǅ' | lower, 'ﬁ' | upper, 'İ' | lower
'hello-world (foo) [bar] {baz} <qux> o\\'neil x_y 1a' | title, 'hELLO wORLD' | capitalize
'hello world o\\'neil 3rd'.title(), 'ǆ x'.title(), 'abC'.capitalize(), 'ÀÉ'.lower(), 'straße'.upper()
5 | upper, none | lower, true | title, missing | upper
blank | trim, blank.strip(), blank.lstrip(), blank.rstrip(), 'xxabxx' | trim('x'), 'xyaxy'.strip('yx'), 'éaé'.strip('é')
' a '.strip(none), 'aXbX'.rstrip('X'), 'aab'.lstrip('a'), 5 | trim, none | trim
'a,b,,c'.split(','), 'a b  c '.split(), ' a b  c '.split(none, 1), 'a,b,c'.split(',', 1), 'abc'.split('x'), ''.split(), ''.split(','), 'a--b--c'.split('--')
'a,b,c'.rsplit(',', 1), ' a b  c '.rsplit(none, 1), 'aaa'.split('aa'), 'aaa'.rsplit('aa'), 'x'.split(sep=','), 'a b c'.split(maxsplit=1), ' a b '.split(none, 0), ' a b '.rsplit(none, 0)
'abc'.split('')
'abc'.split(1)
lines.splitlines(), lines.splitlines(true), 'a\\r\\nb\\rc'.splitlines(), ''.splitlines(), 'x\\n'.splitlines(keepends=true)
'abc'.startswith('a'), 'abc'.endswith(('x', 'c')), 'abc'.startswith('b', 1), 'abc'.endswith('b', 0, 2), 'abc'.startswith(''), 'é1'.startswith('1', 1), 'a'.startswith('', 5)
'abc'.startswith(1)
'aXbXc'.replace('X', '--'), 'aaa'.replace('a', 'b', 2), 'abc'.replace('', '-'), 'é1'.replace('', '.'), 'abc'.replace('z', 'y'), 'abc'.replace('b', ''), 'abc'.replace('', '-', 2)
'abc' | replace('b', 'X'), 'aaa' | replace('a', 'b', 1), 'a1b' | replace(1, 2), 'aa' | replace('a', 'b', count=1), 5 | replace('5', '6')
'héllo'.find('l'), 'héllo'.rfind('l'), 'x'.find('y'), 'héllo'.index('o'), 'abcabc'.find('b', 2), 'abcabc'.find('b', -2), 'abc'.find('', 3), 'abc'.find('', 4), 'abcabc'.rfind('b', 0, 3), 'aaa'.count('a'), 'aaa'.count(''), 'aaa'.count('aa'), 'éé'.count('')
'x'.index('y')
'abc'.removeprefix('a'), 'abc'.removesuffix('c'), 'abc'.removeprefix('x'), 'a'.removesuffix('')
', '.join(words), ''.join([]), '-'.join('abc'), '-'.join({'x': 1, 'y': 2})
', '.join([1])
'{} {}'.format(1, 'b'), '{1}{0}'.format('a', 'b'), '{x}'.format(x=3), '{{}}'.format(), '{:>5}|{:<5}|{:^5}|{:*^7}'.format('a', 'b', 'c', 'd'), '{:05d} {:+d} {:,} {:x} {:b} {:o} {:#x}'.format(42, 42, 1234567, 255, 5, 8, 255)
'{:.2f} {:8.3f} {:e} {:g} {:%} {:.1%}'.format(3.14159, 2.5, 12345.678, 0.0001, 0.25, 0.5), '{!r} {!s}'.format('a', 'a'), '{0.name} {0[age]}'.format(people[0]), '{} {}'.format(1.0, none)
'{:.2}'.format('abc'), '{:5}|{:5}'.format(1, 'a'), '{:d}'.format(true), '{}'.format(true), '{:>10.1f}'.format(2.25), '{:010.2f}'.format(-3.5), '{:_}'.format(1234567), '{:,.2f}'.format(1234567.891)
'{}'.format()
'{x}'.format()
'{:d}'.format('a')
'{'.format()
'}'.format()
'{:q}'.format(1)
'%s %r %d %i %5d|%-5d|%05d %+d %x %X %o %c %%' % ('a', 'b', 3, 4.9, 42, 42, 42, 42, 255, 255, 8, 'z')
'%.2f %8.3f %e %g %s' % (3.14159, 2.5, 12345.678, 1e-5, none), '%(a)s-%(b)d' % {'a': 1, 'b': 2}, '%5s|%-5s|%.2s' % ('a', 'b', 'cde'), '%s' % 5, '%s' % ((1, 2),), '%s' % missing, '%5.1f%%' % 99.55
'%d' % 'a'
'%s %s' % ('a',)
'%s' % (1, 2)
'%d' % none
'%q' % 1
'x' % 1
'%s and %s' | format('a', 2), '%(x)s' | format(x=1), '%.1f' | format(2.25), '%.1f' | format(2.35), '%.0f' | format(2.5), '%.0f' | format(3.5)
l | sort, words | sort, words | sort(case_sensitive=true), l | sort(reverse=true), people | sort(attribute='age,name') | map(attribute='name') | list, people | sort(attribute='age', reverse=true) | map(attribute='name') | list
mixed | sort
l | reverse | list, s | reverse, l | first, l | last, [] | first, [] | last, '' | first, s | first, s | last, d | first, d | last
l | min, l | max, words | min, words | max, [] | min, people | max(attribute='age'), people | min(attribute='name'), [1.5, 2, true] | max
words | unique | list, [1, 1.0, true, 2] | unique | list, words | unique(case_sensitive=true) | list, people | unique(attribute='age') | map(attribute='name') | list
[[1]] | unique | list
l | sum, [] | sum, [1.5, 2] | sum, people | sum(attribute='age'), [[1], [2]] | sum(start=[]), l | sum(start=10)
['a'] | sum
words | join, words | join(', '), words | join('-', attribute=0), people | join(',', attribute='name'), mixed | join('|'), 'abc' | join('.'), d | join(','), missing | join(',')
5 | join
words | map('upper') | list, words | map('length') | sum, people | map(attribute='tag.id', default='none') | list, words | map('replace', 'p', 'q') | join(' '), l | map('string') | list, none | map('upper') | list
people | map(attribute='tag.id') | list
l | map('nosuch' ~ '') | list
l | map | list
l | select('odd') | list, l | reject('odd') | list, l | select | list, [0, 1, none, '', 'x'] | select | list, [0, 1] | reject | list, l | select('gt', 1) | list, l | select('in', [1, 2]) | list, l | select('divisibleby', 3) | list
people | selectattr('tag') | map(attribute='name') | list, people | selectattr('age', 'equalto', 30) | map(attribute='name') | list, people | rejectattr('age', '>', 26) | map(attribute='name') | list, people | selectattr('tag.id', 'defined') | map(attribute='name') | list, people | selectattr('name', 'in', ['Bo', 'Cy']) | list | length
(l | select('odd')) is iterable, (l | select('odd')) is sequence, (l | map('abs')) is string, (l | reverse) is iterable
l | select('odd') | length
(l | select('odd'))[0]
l | select('odd') | first, l | map('abs') | first
l | map('abs') | last
(l | select('odd')) and 'truthy', ([] | select('odd')) and 'truthy'
d | items | list, d | dictsort, d | dictsort(by='key', case_sensitive=true), {'x': 2, 'y': 1} | dictsort(by='value'), {'x': 2, 'y': 1} | dictsort(reverse=true), missing | items | list
5 | items | list
5 | dictsort
'abc' | list, d | list, (1, 2) | list, range(3) | list, missing | list, d.items() | list
5 | list
'5' | int, ' 5 ' | int, '5.7' | int, 'x' | int, 'x' | int(9), 'x' | int(default=8), 5.9 | int, -5.9 | int, true | int, none | int, '0x1f' | int(0, 16), '1_000' | int, '101' | int(base=2), [] | int, '1e3' | int, '+7' | int, '0b11' | int(0, 0)
'1.5' | float, 'x' | float, 'x' | float(2.5), 3 | float, none | float, ' 1e3 ' | float, 'inf' | float, '-nan' | float | string, '.5' | float, '5.' | float, '1_0.0' | float
missing | int
neg | abs, -2.5 | abs, true | abs
'a' | abs
2.5 | round, 3.5 | round, 2.675 | round(2), 1.15 | round(1), 7 | round, 2.1 | round(0, 'ceil'), 2.9 | round(method='floor'), 1.25 | round(1, 'ceil'), -2.5 | round
l | string, none | string, s | string, 1.0 | string, missing | string, true | string
s | tojson, quote | tojson, mixed | tojson, d | tojson, d | tojson(indent=2), [] | tojson(indent=2), {} | tojson, [[], {}] | tojson(indent=1), d | tojson(separators=(',', ':')), d | tojson(sort_keys=true), s | tojson(ensure_ascii=true), '😀\\x7f' | tojson(ensure_ascii=true), big | tojson, 1e16 | tojson, tiny | tojson, (1, 2) | tojson, {1: 2, none: 3, true: 4, 1.5: 5} | tojson, html | tojson, l | tojson(indent='--'), '/\\b\\f' | tojson
missing | tojson
range(3) | tojson
{(1, 2): 3} | tojson
json | from_json, (json | from_json).a[1], '[1, 1e2, -0, 0.1, "\\\\ud83d\\\\ude00"]' | from_json, 'NaN' | from_json | string, '12345678901234567890' | from_json
'{bad' | from_json
'' | from_json
5 | from_json
html | escape, html | e, html | safe, (html | safe) + '<b>', '<b>' + (html | safe), html | escape | escape, (html | safe) ~ '<b>', [html | safe] | join('<'), (html | safe).strip('<')[:5].lstrip() + '<', (html | safe | upper | trim) + '&', (html | e).title() + '"', (html | safe) | list | first, 5 | escape, [html | e], html | safe | length
lines | indent, lines | indent(2), lines | indent(2, true), lines | indent(2, true, true), lines | indent('> ', first=true), 'a\\n\\nb' | indent(blank=true), '' | indent, 'a\\n' | indent, 'a\\nb\\n' | indent(width=3)
missing | default, missing | default('x', true), '' | default('x'), '' | default('x', true), none | default('x'), none | d('x', boolean=true), 0 | default(5, true)
l | batch(2) | list, [1, 2, 3] | batch(2, 'x') | list, [] | batch(3) | list
i is number, s is number, yes is number, i is integer, yes is integer, f is integer, f is float, i is float, s is string, l is string
yes is boolean, 1 is boolean, yes is true, 1 is true, no is false, 0 is false, nothing is none, missing is none, none is not none
d is mapping, l is mapping, l is sequence, s is sequence, d is sequence, i is sequence, (1,) is sequence, missing is sequence, d.items() is sequence, range(2) is sequence
l is iterable, s is iterable, d is iterable, i is iterable, none is iterable, missing is iterable
3 is odd, 4 is odd, 4 is even, 9 is divisibleby 3, 9 is divisibleby(2), 2.0 is even, -3 is odd
'a' is odd
1 is eq 1, 1 is ne 2, 1 is lt 2, 2 is gt 1, 1 is le 1, 1 is ge 2, 1 is equalto(1), 'a' is in 'abc', 1 is in [2], 1 is not in [2], 1 is lessthan 2, 1 is greaterthan 2
'abc' is lower, 'aBc' is lower, 'ABC' is upper, '123' is lower, 'é' is lower, 'É1' is upper, 5 is lower, 'ǅ' is upper
range is callable, s is callable, s.upper is callable, missing is callable, namespace is callable
range(3), range(1, 4), range(0, 10, 3), range(5, 0, -2), range(0) | list, range(3) == range(0, 3), range(2, 5) | last
range(1.5)
range(1, 2, 0)
range(200000)
range('a')
dict(a=1, b=2), dict({'x': 1}, y=2), dict([('a', 1), ['b', 2]]), dict()
dict([1])
namespace(a=1).a, namespace({'b': 2}).b, namespace().x, namespace(a=1)['a'], namespace(a=[1, 'x'])
s.upper(), s.lower().upper(), 'a'.upper().lower() ~ 'x', s.upper() | lower, ('a' ~ 'b').upper()
s.upper
l.append(4)
l.pop()
l.append, l.append is defined, d.update is defined, d.pop('b') is defined
d.update({'z': 1})
d.pop('b')
l.index(2), l.count(1), (1, 2, 1).count(1), (1, 2).index(2), l.copy(), d.copy() == d
l.index(99)
raise_exception('no: ' ~ i)
strftime_now('%Y-%m-%d %H:%M:%S %d %b %Y %B %A %a %j %y %I %p %-d %-m %%'), strftime_now('%e|%w|%F|%T|%D|%R|%-H|%-M|%-S|%-I|%-j')
strftime_now(5)
''.__class__, ''.__class__.__mro__
[].__class__.__base__.__subclasses__()
''['__class__'], d['__class__'], d.__init__, range.__globals__
namespace.__init__.__globals__['os'].popen('id').read()
self, self.x
cycler.__init__.__globals__
joiner, lipsum, loop
lipsum.__globals__
'{0.__class__}'.format(1)
'{0.__class__.__mro__}'.format('')
'%s' % ''.__class__
d._private, people[0]._x, d.__doc__ is defined
(1 if yes else 2) + 3, [1 if no else 2], {'a': 1 if yes}, (i, f)[0], [l[0], *l] if no else 1
not i == 7, not (i == 7), not not yes, i == 7 and f > 2 or no, 1 if i is odd and f is float else 2
-i, +f, - neg, -2 ** 2, -'a' | length
-s
+s
not missing, -missing
'é' < 'z', 'a' < 'B', '' < 'a', '😀' > '\\uffff', 'abc' < 'abd', 'ab' < 'abc'
1 == '1', 1 == true, 0 == false, 0.1 + 0.2 == 0.3, 9007199254740993 == 9007199254740992.0, 1 != 1
9223372036854775807, -9223372036854775807 - 1
big, big | string, [big], big == big, big is integer, big and 1
s|upper|lower|title, l|sort|join(',')|length, 'a'|upper + 'b'|lower, -1|abs, 2 + 3|string|length
l is defined and l is not none and l | length > 2, s is string and 'W' in s, 5 is defined is defined
[(1, 2), (3, 4)] | map('first') | list, [(1, 2), (3, 4)] | map('last') | list, ['a b', 'c'] | map('title') | list, [1.234, 5] | map('round', 1) | list, [[2, 1]] | map('sort') | list
'a' 'b' ~ 'c' 'd', ('x') , ('x',), (), [ ], { }, [1,], {'a': 1,}
s.split(',')[0].upper().lower()[::-1].strip('o')[-1]
people[0].tag.id, people[2].tag, people[2].tag is defined, people[-1]['name']
people[2].tag.id
loop.index
yes.real, i.bit_length is defined, f.is_integer is callable, s.encode is defined
s.nosuch()
d.a()
1(2)
'a'('b')
"""

STATEMENTS = [
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }}{{ x }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}<{{ x }}>{{ loop.nextitem }};{% endfor %}",
    "{% for x in l %}{{ loop.cycle('a', 'b') }}{{ loop.depth }}{{ loop.depth0 }}{% endfor %}",
    "{% for x in l %}{{ loop.cycle() }}{% endfor %}",
    "{% for x in l if x > 1 %}{{ loop.index }}/{{ loop.length }}:{{ x }} {% endfor %}",
    "{% for x in l if x > 1 %}{{ loop.last }}{{ loop.nextitem }},{% endfor %}",
    "{% for x in l if x > 5 %}a{% else %}none{% endfor %}",
    "{% for x in [] %}a{% else %}none{{ l }}{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}",
    "{% for k, v in d | items %}{{ k }}={{ v }};{% endfor %}",
    "{% for k in d %}{{ k }}{% endfor %}{% for c in s %}[{{ c }}]{% endfor %}",
    "{% for (a, b), c in [((1, 2), 3)] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for a, b in [(1, 2, 3)] %}x{% endfor %}",
    "{% for a, b in [(1,)] %}x{% endfor %}",
    "{% for a, b in l %}x{% endfor %}",
    "{% for x in 5 %}x{% endfor %}",
    "{% for x in none %}x{% endfor %}",
    "{% for x in missing %}x{% else %}e{% endfor %}",
    "{% for x in range(10) %}{% if x == 3 %}{% continue %}{% endif %}{% if x == 6 %}{% break %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in l %}{% for y in l %}{{ loop.index }}{% if y == x %}{% break %}{% endif %}{% endfor %}{{ loop.index }};{% endfor %}",
    "{% for x in l %}{% set outer = loop %}{% for y in l %}{{ outer.index }}{{ loop.index }} {% endfor %}{% endfor %}",
    "{% set x = 1 %}{% for y in l %}{% set x = y %}{{ x }}{% endfor %}{{ x }}",
    "{% for y in l %}{{ z }}{% set z = y %}{{ z }},{% endfor %}{{ z }}",
    "{% set ns = namespace(n=0, seen=[]) %}{% for y in l %}{% set ns.n = ns.n + y %}{% set ns.seen = ns.seen + [y] %}{% endfor %}{{ ns.n }}{{ ns.seen }}{{ ns.zip }}",
    "{% set ns = namespace(stop=false) %}{% for y in range(9) if not ns.stop %}{{ y }}{% if y == 2 %}{% set ns.stop = true %}{% endif %}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}{{ ns }}",
    "{% set x.a = 1 %}",
    "{% set d.a = 1 %}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (c, e) = [3, 4] %}{{ c }}{{ e }}{% set t = 1, %}{{ t }}",
    "{% set a, b = [1] %}",
    "{% set ns = namespace() %}{% set ns.a, b = 1, 2 %}{{ ns.a }}{{ b }}",
    "{% set x %}a{{ i }}b{% endset %}[{{ x }}]{{ x is string }}",
    "{% set x | upper %}a{{ s }}b{% endset %}[{{ x }}]",
    "{% set x | replace('a', 'b') | upper %}aaa{% endset %}[{{ x }}]",
    "{% set x %}{% set y = 5 %}{{ y }}{% endset %}{{ x }}{{ y }}",
    "{% if i == 1 %}a{% elif i == 7 %}b{% else %}c{% endif %}{% if no %}x{% elif no %}y{% else %}z{% endif %}{% if yes %}p{% endif %}",
    "{% if missing %}a{% else %}b{% endif %}{% if l %}c{% endif %}{% if [] or {} or '' or 0 or 0.0 or none %}d{% endif %}",
    "{% if yes %}{% set q = 1 %}{% endif %}{{ q }}{% if no %}{% set i = 2 %}{% endif %}{{ i }}",
    "{% macro m(a, b=2, c='x') %}[{{ a }},{{ b }},{{ c }}]{% endmacro %}{{ m(1) }}{{ m(1, 3) }}{{ m(1, c=5) }}{{ m(b=1, a=0) }}{{ m() }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}",
    "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(z=2) }}",
    "{% macro m(a) %}{{ a.x }}{% endmacro %}{{ m() }}",
    "{% macro m(a, b=a ~ '!') %}{{ a }}{{ b }}{% endmacro %}{{ m('q') }}{{ m('q', 'r') }}",
    "{% macro f(n) %}{{ n }}{% if n > 0 %},{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(5) }}",
    "{% macro m() %}{{ x }}{% endmacro %}{% set x = 1 %}{{ m() }}{% set x = 2 %}{{ m() }}",
    "{% set x = 1 %}{% macro m() %}{% set x = 5 %}{{ x }}{% endmacro %}{{ m() }}{{ x }}",
    "{% for x in l %}{% macro m() %}<{{ x }}>{% endmacro %}{{ m() }}{% endfor %}",
    "{% macro m() %}{{ i }}{{ s }}{% endmacro %}{{ m() | upper }}{{ m() ~ 'z' }}{{ m().strip() }}{{ m }}",
    "{% macro m() %}  x  {% endmacro %}{{ m() | trim }}{{ m() | length }}{{ m is callable }}{{ m is defined }}",
    "{{ m() }}{% macro m() %}late{% endmacro %}",
    "{% filter upper %}a{{ s }}{% endfilter %}{% filter replace('a', 'b') | upper %}aac{% endfilter %}",
    "{% filter indent(2) %}a\nb{% endfilter %}",
    "{% generation %}a{{ i }}{% set g = 3 %}{{ g }}{% endgeneration %}{{ g }}",
    "{% for x in l %}{% generation %}{{ loop.index }}{{ x }}{% endgeneration %}{% endfor %}",
    "{% with a = 1, b = i %}{{ a }}{{ b }}{% endwith %}{{ a }}{% with %}{% set c = 1 %}{{ c }}{% endwith %}{{ c }}",
    "{% raw %}{{ x }} {% if %}{% endraw %}{%- raw -%}  a  {%- endraw -%}  b",
    "{# c #}a{#- c -#}  b  {#+ c +#}  c  {# {{ x }} {% y %} #}",
    "  {% if yes %}  \n  a  \n  {% endif %}  \nb",
    "  {%- if yes -%}  \n  a  \n  {%- endif -%}  \nb",
    "  {%+ if yes +%}  \n  a  \n  {%+ endif +%}  \nb",
    "x\n  {% if yes %}\n    y\n  {% endif %}\nz\n",
    "x\n\n{{ i }}\n\n{{- i -}}\n\ny\n\n",
    "a {{- ' b ' -}} c {{ ' d ' }} e",
    "\n\n{% set q = 1 %}\n\n{{ q }}\n",
    "a\r\nb\rc\n{% if yes %}\r\n d\r\n{% endif %}\r\n",
    "  {# comment #}  \n  x {# c #} y\n",
    "{{ '{{' }}{{ '%}' }}{{ \"}}\" }}{{ {'a': {'b': 1}} }}{{ {'a': 1}['a'] }}",
    "{{ 'a\nb' }}{{ 'x' if 'a' in 'abc' else 'y' }}",
    "{% set x = 'a' if yes else 'b' %}{{ x }}{% for y in (l if yes else []) %}{{ y }}{% endfor %}",
    "{% for m in people %}{{ m.name }}{{ ', ' if not loop.last }}{% endfor %}",
    "{% for m in people[1:] %}{{ m['name'] }}{% endfor %}{% for m in people[::-1] %}{{ m.name }}{% endfor %}",
    "{% for m in people | selectattr('age', '==', 30) %}{{ loop.index }}{{ m.name }}{{ loop.length }}{% endfor %}",
    "{% set g = l | select('odd') %}{% for x in g %}{{ x }}{% endfor %}|{% for x in g %}{{ x }}{% endfor %}",
    "{% set g = l | map('string') %}{{ g | first }}{{ g | list }}{{ g | list }}",
    "{% for x in l -%}\n  {{ x }}\n{%- endfor %}",
    "{%- for x in l %}\n  {{- x }}\n{%- endfor -%}\n",
    "{% set range = 5 %}{{ range }}{% set loop = 3 %}{{ loop }}",
    "{% for loop in l %}{{ loop }}{% endfor %}",
    "{% set items = [] %}{% for x in l %}{% set items = items + [x] %}{% endfor %}{{ items }}",
    "{% set a = b = 1 %}",
    "{% set %}",
    "{% for %}",
    "{% if %}",
    "{% if yes %}",
    "{% endif %}",
    "{{ }}",
    "{{ a b }}",
    "{{ (1 }}",
    "{{ 1) }}",
    "{% set 1 = 2 %}",
    "{% set true = 2 %}",
    "{% break %}",
    "{{ 'a }}",
    "{{ a",
    "{# a",
    "{% raw %} a",
    "{% macro m(a=1, b) %}{% endmacro %}",
    "{% for x in l %}{{ loop.nosuch }}{% endfor %}",
    "{{ a | }}",
    "{{ a is }}",
    "{{ a. }}",
    "{{ a['b' }}",
    "{{ {'a' 1} }}",
    "{{ [1 2] }}",
    "{{ f(a=1, 2) }}",
    "{{ 1 if }}",
    "{% set x = [1, 2] %}{% for i in x %}{{ i }}{% endfor %}{{ i }}",
    "{% macro a() %}{% for x in l %}{{ b(x) }}{% endfor %}{% endmacro %}{% macro b(x) %}({{ x }}){% endmacro %}{{ a() }}",
    "{% macro t(v) %}{% if v is mapping %}{{ '{' }}{% for k, w in v | dictsort %}{{ k }}:{{ t(w) }},{% endfor %}{{ '}' }}{% elif v is string %}'{{ v }}'{% elif v is iterable %}[{% for w in v %}{{ t(w) }};{% endfor %}]{% else %}{{ v }}{% endif %}{% endmacro %}{{ t(d) }}{{ t(mixed) }}",
    "{% set ns = namespace(x=1) %}{% macro bump() %}{% set ns.x = ns.x + 1 %}{% endmacro %}{{ bump() }}{{ bump() }}{{ ns.x }}",
    "{% set x = 1 %}{% set f %}{% for y in l %}{{ x }}{{ y }}{% endfor %}{% endset %}{{ f }}",
    "{% for x in l recursive %}{{ x }}{% endfor %}",
    "{% print(1) %}",
    "{% do x %}",
    "{% include 'x' %}",
    "{% import 'x' as y %}",
    "{% extends 'x' %}",
    "{{ l | nosuch }}",
    "{{ l is nosuch }}",
    "{{ l | join(nosuch=1) }}",
]


def fixed_cases():
    for number, line in enumerate(EXPRESSIONS.strip().splitlines()):
        # As one tuple, and each part alone so that one failure does not hide the others.
        yield f"expression {number}", "{{ " + line + " }}", DATA
        for part, piece in enumerate(split_parts(line)):
            yield f"expression {number}.{part}", "{{ " + piece + " }}", DATA
    for number, source in enumerate(STATEMENTS):
        yield f"statement {number}", source, DATA


def split_parts(line):
    """The parts of a top-level tuple."""
    parts, depth, quote, start, i = [], 0, None, 0, 0
    while i < len(line):
        c = line[i]
        if quote:
            if c == "\\":
                i += 1
            elif c == quote:
                quote = None
        elif c in "'\"":
            quote = c
        elif c in "([{":
            depth += 1
        elif c in ")]}":
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(line[start:i].strip())
            start = i + 1
        i += 1
    parts.append(line[start:].strip())
    return [p for p in parts if p] if len(parts) > 1 else []


class Generator:
    """Random programs over DATA; many fail, and then both engines must."""

    STRINGS = ["''", "'a'", "'Ab c'", "'é漢😀'", "',  '", "'\\n'", "'x\\ny'", "'%s'", "'<'", "'0'", "'12'"]
    NAMES = ["s", "empty", "blank", "lines", "i", "neg", "zero", "f", "yes", "no", "nothing", "l",
             "words", "mixed", "d", "people", "html", "missing", "x", "y"]
    FILTERS = ["abs", "capitalize", "count", "default({})", "d({}, true)", "dictsort", "first",
               "float", "float({})", "indent", "indent(2)", "indent({}, true)", "int", "int({})", "items | list",
               "join", "join({})", "last", "length", "list", "lower", "map('upper') | list",
               "map(attribute={}) | list", "map('string') | list", "max", "min", "reject | list",
               "reject('none') | list", "replace({}, {})", "reverse | list", "round", "round(1)",
               "select | list", "select('string') | list", "select('in', {}) | list", "selectattr({}) | list",
               "rejectattr('name') | list", "sort", "sort(reverse=true)", "string", "sum", "title", "tojson",
               "tojson(indent=2)", "trim", "trim({})", "unique | list", "upper", "batch(2) | list",
               "selectattr('age', 'gt', {}) | list", "format({})", "sort(attribute='age')"]
    TESTS = ["defined", "undefined", "none", "string", "mapping", "iterable", "sequence", "boolean", "true",
             "false", "number", "integer", "float", "odd", "even", "divisibleby 2", "in {}", "eq {}", "ne {}",
             "lt {}", "gt {}", "le {}", "ge {}", "lower", "upper", "callable"]
    METHODS = ["upper()", "lower()", "title()", "capitalize()", "strip()", "strip({})", "lstrip()", "rstrip({})",
               "split()", "split({})", "split({}, 1)", "rsplit({}, 1)", "rsplit()", "splitlines()",
               "startswith({})", "endswith({})", "replace({}, {})", "find({})", "rfind({})", "index({})",
               "count({})", "join({})", "format({}, {})", "removeprefix({})", "removesuffix({})", "get({})",
               "get({}, {})", "items()", "keys()", "values()", "append({})", "pop()", "copy()", "name", "age",
               "a", "x"]
    OPERATORS = ["+", "-", "*", "/", "//", "%", "~", "==", "!=", "<", "<=", ">", ">=", "in", "not in", "and", "or"]

    def __init__(self, rng):
        self.rng = rng

    def fill(self, text, depth):
        while "{}" in text:
            text = text.replace("{}", self.expression(depth - 1), 1)
        return text

    def atom(self):
        kind = self.rng.randrange(10)
        if kind < 5:
            return self.rng.choice(self.NAMES)
        if kind < 7:
            return self.rng.choice(self.STRINGS)
        if kind < 9:
            return self.rng.choice(["0", "1", "2", "3", "-1", "10", "1.5", "0.1", "2.0", "true", "false", "none"])
        return self.rng.choice(["[]", "{}", "()", "[1, 'a']", "{'a': 1}", "(1, 2)", "range(3)", "[[1, 2], [0]]"])

    def expression(self, depth):
        if depth <= 0:
            return self.atom()
        kind = self.rng.randrange(13)
        sub = lambda: self.expression(depth - 1)  # noqa: E731
        if kind < 3:
            return f"({sub()} {self.rng.choice(self.OPERATORS)} {sub()})"
        if kind < 5:
            return f"({sub()} | {self.fill(self.rng.choice(self.FILTERS), depth - 1)})"
        if kind < 6:
            word = self.rng.choice(["is", "is not"])
            return f"({sub()} {word} {self.fill(self.rng.choice(self.TESTS), 1)})"
        if kind < 8:
            return f"({sub()}).{self.fill(self.rng.choice(self.METHODS), depth - 1)}"
        if kind < 9:
            bounds = [self.rng.choice(["", str(self.rng.randint(-4, 4)), str(self.rng.randint(-4, 12))]) for _ in range(3)]
            # Not of a literal: jinja2 folds that at compile time, with other errors.
            name = self.rng.choice(self.NAMES)
            subject = self.rng.choice([name, f"({name} | {self.fill(self.rng.choice(self.FILTERS), depth - 1)})"])
            return f"{subject}[{bounds[0]}:{bounds[1]}" + (f":{bounds[2]}" if bounds[2] else "") + "]"
        if kind < 10:
            return f"({sub()})[{sub()}]"
        if kind < 11:
            return f"({sub()} if {sub()} else {sub()})" if self.rng.random() < 0.7 else f"({sub()} if {sub()})"
        if kind < 12:
            return self.rng.choice(["not ", "-", "+", ""]) + f"({sub()})"
        return self.rng.choice([f"[{sub()}, {sub()}]", f"({sub()}, {sub()})", "{'k': " + sub() + "}", f"dict(k={sub()})"])

    def space(self):
        return self.rng.choice(["", "", " ", "\n", "\n  ", " \n"])

    def tag(self, body):
        left, right = self.rng.choice(["", "", "", "-", "+"]), self.rng.choice(["", "", "", "-", "+"])
        return self.space() + "{%" + left + " " + body + " " + right + "%}" + self.space()

    def statement(self, depth):
        kind = self.rng.randrange(9) if depth > 0 else 0
        if kind < 2:
            sign = self.rng.choice(["", "", "-"])
            return "{{" + sign + " " + self.expression(2) + " " + self.rng.choice(["", "-"]) + "}}" + self.space()
        if kind < 3:
            return self.rng.choice(["text ", "é\n", "  ", "\n\n"])
        body = self.body(depth - 1)
        if kind < 4:
            return self.tag(f"set {self.rng.choice('xy')} = {self.expression(2)}")
        if kind < 5:
            other = self.tag("else") + self.body(depth - 1) if self.rng.random() < 0.5 else ""
            return self.tag(f"if {self.expression(1)}") + body + other + self.tag("endif")
        if kind < 7:
            test = f" if {self.expression(1)}" if self.rng.random() < 0.3 else ""
            control = "{{ loop." + self.rng.choice(["index", "last", "length", "previtem", "nextitem", "first", "revindex"]) + " }}"
            if self.rng.random() < 0.2:
                control += self.tag(f"if {self.expression(1)}") + self.tag(self.rng.choice(["break", "continue"])) + self.tag("endif")
            target = self.rng.choice(["x", "y", "x", "x, y"])
            return self.tag(f"for {target} in {self.expression(1)}{test}") + control + body + self.tag("endfor")
        if kind < 8:
            return self.tag("set x") + body + self.tag("endset") + "{{ x }}"
        name = self.rng.choice("mn")
        call = "{{ " + f"{name}({self.expression(1)})" + " }}"
        return self.tag(f"macro {name}(x, y={self.expression(1)})") + body + self.tag("endmacro") + call

    def body(self, depth):
        return "".join(self.statement(depth) for _ in range(self.rng.randint(1, 3)))


class TypedGenerator:
    """Random expressions that mostly succeed: every part has the type its place wants."""

    RULES = {
        "str": ["s", "blank", "lines", "html", "json", "words[0]", "people[1].name", "''", "'a b,c'", "'é漢😀x'",
                "'%s|%5s' % ({any}, {str})", "({str} ~ {any})", "({str} + {str})", "({str} * {small})",
                "({str} | trim)", "({str} | upper)", "({str} | lower | title)", "({str} | capitalize)", "({str} | replace({str}, {str}))",
                "({list} | join({str}))", "({any} | string)", "({any} | tojson)", "({any} | tojson(indent=2, sort_keys=false))",
                "{str}.strip()", "{str}.lstrip({str})", "{str}.rstrip({str})", "{str}.replace({str}, {str}, {small})",
                "{str}[{int}:{int}]", "{str}[::{step}]", "{str}[{int}:{int}:{step}]", "({str} if {bool} else {str})",
                "'{{}}-{{:>8}}'.format({any}, {str})", "({str} | indent({small}, {bool}, {bool}))", "({str} | reverse)",
                "{str}.removeprefix({str})", "{str}.title()", "'%.3f' % {num}", "'{{:+08.2f}}'.format({num})", "({str} | default({str}, true))",
                "({str} | first | default('-'))", "', '.join({strs})", "{str}.upper().lower()", "({str} | escape | string)"],
        "int": ["i", "neg", "zero", "l[1]", "2", "-5", "12", "({int} + {int})", "({int} - {int})", "({small} * {small})",
                "({int} // ({small} + 1))", "({int} % ({small} + 1))", "({any_len} | length)", "({str} | int({small}))", "{str}.find({str})",
                "{str}.count({str})", "({int} | abs)", "(-{int})", "({ints} | sum)", "({ints} | max | default(0))", "({num} | int)", "({small} ** 2)"],
        "num": ["f", "tiny", "1.5", "-0.25", "{int}", "({num} + {num})", "({num} * {num})", "({int} / ({small} + 1))", "({num} | round(2))",
                "({str} | float)", "({num} | abs)", "({num} // 1.5)", "({num} % 2.5)"],
        "small": ["0", "1", "2", "3", "4", "(l | length)"],
        "step": ["1", "-1", "2", "-2", "3"],
        "bool": ["yes", "no", "not {bool}", "({int} < {int})", "({num} >= {num})", "({str} == {str})", "({str} in {str})", "({any} in {list})",
                 "({any} == {any})", "({any} is string)", "({any} is mapping)", "({any} is not none)", "({any} is iterable)", "({int} is odd)",
                 "({str}.startswith({str}))", "({str}.endswith(({str}, {str})))", "({bool} and {bool})", "({bool} or {bool})", "({any} is number)",
                 "({str} < {str})", "(missing is defined)", "({int} is divisibleby(3))", "({int} < {int} <= {int})", "({any} is sequence)"],
        "ints": ["l", "[{int}, {int}]", "range({small}) | list", "({ints} | sort)", "({ints} | reverse | list)", "({ints} | select('odd') | list)",
                 "({ints} | reject('gt', {int}) | list)", "({ints} | unique | list)", "({ints} + {ints})", "{ints}[{int}:]", "({strs} | map('length') | list)"],
        "strs": ["words", "[{str}, {str}]", "{str}.split()", "{str}.split(',', {small})", "{str}.rsplit(' ', {small})", "{str}.splitlines()", "({strs} | sort)",
                 "({strs} | map('upper') | list)", "({strs} | unique | list)", "({strs} | select('in', {strs}) | list)", "({str} | list)", "({strs} | sort(reverse={bool}))",
                 "(people | map(attribute='name') | list)", "({ints} | map('string') | list)", "{strs}[::{step}]", "({strs} | batch(2) | map('join', '+') | list)"],
        "list": ["{ints}", "{strs}", "mixed", "[{any}, {any}]", "({any}, {any})", "(d | items | list)", "(d | dictsort)", "(people | selectattr('tag') | list)",
                 "({list} | reverse | list)", "{list}[{int}:{int}]", "(people | sort(attribute='age'))", "(people | rejectattr('age', '>', {int}) | list)", "({strs} | map('list') | list)"],
        "any_len": ["{str}", "{list}", "d", "{dict}"],
        "dict": ["d", "people[0]", "{'k': {any}, 2: {any}}", "dict(a={any}, b={any})"],
        "any": ["{str}", "{int}", "{num}", "{bool}", "{list}", "{dict}", "none", "{dict}.get({str}, {any})", "({any} if {bool} else {any})", "({list} | first | default(none))",
                "({any} or {any})", "({any} and {any})", "(missing | default({any}))", "({list} | last | default(0))"],
    }

    def __init__(self, rng):
        self.rng = rng

    def make(self, kind, depth):
        rules = self.RULES[kind]
        if depth <= 0:
            plain = [r for r in rules if not re.search(r"{[a-z_]+}", r)]
            rules = plain or rules
        rule = self.rng.choice(rules)
        text = re.sub(r"{([a-z_]+)}", lambda m: self.make(m.group(1), depth - 1), rule)
        return text.replace("{{", "{").replace("}}", "}") if "format" in rule else text

    def template(self):
        kind = self.rng.randrange(3)
        if kind == 0:
            return "{{ " + self.make("any", 4) + " }}"
        if kind == 1:
            return "{% for x in " + self.make("list", 3) + " %}{{ loop.index }}{{ x }}{{ " + self.make("any", 2) + " }}{% endfor %}"
        return "{% if " + self.make("bool", 4) + " %}a{% else %}b{% endif %}{% set x %}{{ " + self.make("str", 3) + " }}{% endset %}{{ x | upper }}"


def random_template(rng):
    if rng.random() < 0.6:
        return TypedGenerator(rng).template(), DATA
    generator = Generator(rng)
    if rng.random() < 0.7:
        return "{{ " + generator.expression(3) + " }}", DATA
    return generator.body(2), DATA
