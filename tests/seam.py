#!/usr/bin/env python3
"""What keeps the .c files of lib/ fit for checkers that replace threads, memory or storage under them:
prints each place that breaks a rule.

1. What runs before main() is a row of lib/start.h: no other constructors, but of headers in compat/, which
   programs compile.
2. A structure that holds atomics is initialised field by field: no block of memory is copied or zeroed.
3. The calling thread's record is reached by rcu_self().
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
ROOT = ROOT if ROOT.is_dir() else ROOT.parent.parent
COMMENTS = re.compile(r'/\*.*?\*/', re.S)
ATOMIC = re.compile(r'\b(?:stillpoint_)?atomic_\w+\b|_Atomic\b|\bstillpoint_atomic\b')


def without_comments(text):
    return COMMENTS.sub(lambda m: re.sub(r'[^\n]', ' ', m[0]), text)


sources = {path.relative_to(ROOT): without_comments(path.read_text())
           for path in sorted((ROOT / 'lib').rglob('*.[ch]'))}

bodies = {}  # of structures
for text in sources.values():
    for found in re.finditer(r'\bstruct (\w+) \{(.*?)\n\}', text, re.S):
        bodies[found[1]] = found[2]
holders = {name for name, body in bodies.items() if ATOMIC.search(body)}
while True:
    more = {name for name, body in bodies.items() if name not in holders
            and any(re.search(r'\bstruct %s \w' % held, body) for held in holders)}
    if not more:
        break
    holders |= more

broken = False


def complain(path, text, position, what):
    global broken
    broken = True
    print(f'{path}:{text.count(chr(10), 0, position) + 1}: {what}')


for path, text in sources.items():
    if path.name != 'start.h' and path.parent.name != 'compat':
        for found in re.finditer(r'\bconstructor\b', text):
            complain(path, text, found.start(), 'a constructor that is no row of lib/start.h')
    for found in re.finditer(r'=\s*\(struct (\w+)\)\s*\{', text):
        if found[1] in holders:
            complain(path, text, found.start(),
                     f'struct {found[1]}, which holds atomics, is stored as a block')
    for found in re.finditer(r'\bmem(?:set|cpy|move)\([^;]*?sizeof\(?\s*\(?struct (\w+)', text):
        if found[1] in holders:
            complain(path, text, found.start(),
                     f'struct {found[1]}, which holds atomics, is written as a block')
    if path.name not in ('rcu.h', 'registry.c'):
        for found in re.finditer(r'(?<!struct )\brcu_reader\b(?!\s*\*)', text):
            complain(path, text, found.start(), 'rcu_reader by name; use rcu_self()')
if not {'vcpu', 'manual_event', 'rcu_reader', 'vcpu_wait'} <= holders:
    broken = True
    print(f'tests/seam.py no longer finds which structures hold atomics: {sorted(holders)}')
sys.exit(broken)
