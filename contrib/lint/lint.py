#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""lint.py - the house rules that a machine can check. Run by `make lint`.

    lint.py [TOP]       checks the tracked files below TOP
    lint.py --self-test gives every rule a bad sample that it must find, and a good one it must not

A rule takes a Source and yields (line, what is wrong and what to do). docs/HACKING.md and
contrib/lint/README.md tell the rules in prose.
"""
import fnmatch
import os
import re
import shutil
import subprocess
import sys

FILE_LINES_MAX = 800
FUNCTION_LINES_MAX = 100
COLUMNS_MAX = 100

# Tables whose rows are one line each, however long.
LONG_LINES = ["*.def", "protocol/wire/messages*.h", "protocol/wire/*_list.h"]

# Who may include whom: the directory, and the directories it may take from.
PROTOCOL = ["protocol/base", "protocol/wire", "protocol/daemon", "protocol/net", "protocol/client"]
EVENTS = PROTOCOL + ["protocol/event"]
PURE = ["protocol/base", "protocol/wire", "broker/raft", "broker/controller", "broker/replica",
        "broker/group", "agent/tail"]
LAYERS = {
    "protocol/base": ["protocol/base"],
    "protocol/wire": ["protocol/base", "protocol/wire"],
    "protocol/daemon": ["protocol/base", "protocol/daemon"],
    "protocol/event": ["protocol/base", "protocol/daemon", "protocol/event"],
    "protocol/net": ["protocol/base", "protocol/wire", "protocol/daemon", "protocol/net"],
    "protocol/client": PROTOCOL,
    "broker/raft": ["protocol/base", "protocol/wire", "broker/raft"],
    "broker/controller": ["protocol/base", "protocol/wire", "broker/raft", "broker/controller"],
    "broker/replica": ["protocol/base", "protocol/wire", "broker/replica"],
    "broker/group": ["protocol/base", "protocol/wire", "broker/group"],
    "broker/storage": ["protocol/base", "protocol/wire", "protocol/daemon", "broker/storage",
                       "broker/replica"],
    "broker": PROTOCOL + ["broker"],
    "agent/tail": ["protocol/base", "protocol/wire", "agent/tail"],
    "agent": EVENTS + ["agent"],
    "connectors": EVENTS + ["connectors"],
    "cli": PROTOCOL + ["cli"],
}
PURE_HEADERS = re.compile(r"^(time|unistd|fcntl|pthread|signal|poll|sched|netdb|dirent|threads"
                          r"|sys/(?!types\.h|cdefs\.h|auxv\.h).*|arpa/.*|netinet/.*)(\.h)?$")
PURE_CALLS = ["malloc", "calloc", "realloc", "free", "strdup", "strndup", "printf", "fprintf",
              "vprintf", "vfprintf", "puts", "fputs", "putchar", "fopen", "open", "read", "write",
              "close", "pread", "pwrite", "socket", "send", "recv", "clock_gettime", "gettimeofday",
              "time", "getenv", "usleep", "nanosleep", "log_debug", "log_info", "log_warn",
              "log_error", "log_write"]
BANNED = {
    "strcpy": "use buf_append_str() or snprintf()",
    "strcat": "use buf_append_str()",
    "sprintf": "use snprintf() or buf_printf()",
    "vsprintf": "use vsnprintf() or buf_vprintf()",
    "gets": "use fgets()",
    "strtok": "use slices (protocol/base/slice.h) or strsep()",
    "gmtime": "use gmtime_r()",
    "localtime": "use UTC and gmtime_r()",
    "asctime": "use strftime()",
    "rand": "use protocol/base/rng.h, or env_random()",
    "srand": "use protocol/base/rng.h, or env_random()",
}
BANNED_OUTSIDE_TESTS = {
    "system": "start nothing through a shell",
    "popen": "start nothing through a shell",
}
CODE = (".c", ".h")
MARKED = (".c", ".h", ".def", ".sh", ".py", ".pl")


class Source:
    """A tracked file: its path from the top, its text, its code without comments and strings."""

    def __init__(self, path, text, files=()):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        if self.lines and not self.lines[-1]:
            self.lines.pop()
        self.files = files  # all tracked files, for include lines
        self.is_code = path.endswith(CODE)
        self.is_test = path.startswith("tests/")
        self._code = None

    @property
    def code(self):
        if self._code is None:
            self._code = blank_text(self.text).split("\n")
        return self._code


def blank_text(text):
    """Comments and what stands in quotes become spaces; lines stay where they are."""
    pattern = r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group()), text, flags=re.S)


def owner_of(path, table):
    """The longest directory of the table that the path lies below."""
    found = [d for d in table if path.startswith(d + "/")]
    return max(found, key=len) if found else None


def includes(source):
    for number, line in enumerate(source.lines, 1):
        m = re.match(r'\s*#\s*include\s+([<"])([^>"]+)[>"]', line)
        if m:
            yield number, m.group(1), m.group(2)


# --- rules -----------------------------------------------------------------------------------

def rule_licence(source):
    if source.path.endswith(MARKED):
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in source.lines[:2]):
            yield 1, "no licence line; begin with a comment `SPDX-License-Identifier: Apache-2.0`"


def rule_purpose(source):
    if source.path.endswith((".c", ".h", ".def")):
        name = os.path.basename(source.path)
        if not any(name in line for line in source.lines[:6]):
            yield 2, f"no purpose; open with a comment `{name} - what it is, who drives it`"


def rule_file_length(source):
    if source.path.endswith(MARKED) and len(source.lines) > FILE_LINES_MAX:
        yield len(source.lines), (f"{len(source.lines)} lines, more than {FILE_LINES_MAX}; "
                                  "split the file by what drives its parts")


def rule_line_length(source):
    if not source.path.endswith(MARKED):
        return
    if any(fnmatch.fnmatch(source.path, p) for p in LONG_LINES):
        return
    for number, line in enumerate(source.lines, 1):
        if len(line) > COLUMNS_MAX:
            yield number, f"{len(line)} columns, more than {COLUMNS_MAX}; wrap it (make format)"


def rule_function_length(source):
    if not source.path.endswith(".c"):
        return
    start = None
    for number, line in enumerate(source.lines, 1):
        if line == "{":
            start = number
        elif line == "}" and start is not None:
            if number - start - 1 > FUNCTION_LINES_MAX:
                yield start, (f"a function of {number - start - 1} lines, more than "
                              f"{FUNCTION_LINES_MAX}; name its parts and make them functions")
            start = None


def rule_unfinished(source):
    if not source.path.endswith(MARKED + (".mk", ".am", ".ac")):
        return
    words = re.compile(r"\b(" + "TO" + "DO|FIX" + "ME|X" + "XX)\\b")
    for number, line in enumerate(source.lines, 1):
        if words.search(line):
            yield number, "unfinished work; finish it, or write it down as an issue"


def rule_white_space(source):
    if source.path.endswith(MARKED):
        for number, line in enumerate(source.lines, 1):
            if line.endswith((" ", "\t")):
                yield number, "white space at the end of the line; take it away"
            if source.is_code and "\t" in line:
                yield number, "a tab; indent with four spaces"


def rule_banned_calls(source):
    if not source.is_code:
        return
    banned = dict(BANNED) if source.is_test else {**BANNED, **BANNED_OUTSIDE_TESTS}
    call = re.compile(r"(?<![\w.>])(" + "|".join(banned) + r")\s*\(")
    for number, line in enumerate(source.code, 1):
        for m in call.finditer(line):
            yield number, f"{m.group(1)}() is banned; {banned[m.group(1)]}"


def rule_layers(source):
    owner = owner_of(source.path, LAYERS)
    if not owner or not source.path.endswith((".c", ".h", ".def")):
        return
    for number, mark, name in includes(source):
        if mark != '"' or name == "config.h":
            continue
        allowed = LAYERS[owner]
        if not any(name.startswith(d + "/") for d in allowed):
            yield number, (f"{owner} may not include {name}; it may take from "
                           f"{', '.join(allowed)} (docs/ARCHITECTURE.md has the layers)")


def rule_full_includes(source):
    if not source.path.endswith((".c", ".h", ".def")) or not source.files:
        return
    for number, mark, name in includes(source):
        if mark == '"' and name != "config.h" and name not in source.files:
            yield number, (f'"{name}" is no tracked file; write the path in full from the top, as '
                           'in "protocol/base/slice.h", and git add the file')


def rule_pure(source):
    owner = owner_of(source.path, PURE)
    if not owner or not source.is_code or source.path == "protocol/base/alloc.c":
        return
    for number, mark, name in includes(source):
        if mark == "<" and PURE_HEADERS.match(name):
            yield number, (f"{owner} is pure and may not include <{name}>; time, bytes and events "
                           "come in as arguments")
    call = re.compile(r"(?<![\w.>])(" + "|".join(PURE_CALLS) + r")\s*\(")
    for number, line in enumerate(source.code, 1):
        for m in call.finditer(line):
            yield number, (f"{owner} is pure and may not call {m.group(1)}(); use "
                           "protocol/base/alloc.h; clock, disk and log are the caller's")


RULES = [rule_licence, rule_purpose, rule_file_length, rule_line_length, rule_function_length,
         rule_unfinished, rule_white_space, rule_banned_calls, rule_layers, rule_full_includes,
         rule_pure]


def spread(token):
    """a.{c,h} is a.c and a.h."""
    m = re.match(r"(.*)\{([^}]*)\}(.*)", token)
    return [m.group(1) + part + m.group(3) for part in m.group(2).split(",")] if m else [token]


def readme_problems(readme, names):
    """names: the files of the directory. Every one is named in the table, and nothing else is."""
    tokens = []
    for number, line in enumerate(readme.split("\n"), 1):
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line)
            for token in re.findall(r"`([^`]+)`", cells[1]) or [cells[1]]:
                words = re.split(r",?\s+", token)
                tokens += [(number, t) for word in words if word for t in spread(word)]
    for name in sorted(names):
        stem = name.rsplit(".", 1)[0]  # `segment` stands for segment.c and segment.h
        if not any(fnmatch.fnmatch(name, t) or stem == t for _, t in tokens):
            yield 1, f"{name} is not in the table of files; add a row that says what it is for"
    for number, t in tokens:
        looks_like_file = re.search(r"\.(c|h|def|sh|py|\*)$", t) and "/" not in t
        if looks_like_file and not fnmatch.filter(names, t):
            yield number, f"`{t}` is in the table of files, but not in the directory; take it out"


def check_readmes(files, read):
    listed = {}
    for path in files:
        if path.endswith((".c", ".h", ".def", ".sh", ".py")):
            listed.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
    for directory, names in sorted(listed.items()):
        readme = os.path.join(directory, "README.md")
        if readme not in files:
            yield readme, 1, "missing; say what the directory is for, and what each file is"
            continue
        for line, what in readme_problems(read(readme), names):
            yield readme, line, what


def is_script(path, read):
    """A file of the shell, by its name or by its first line."""
    if path.endswith(".sh"):
        return True
    return "." not in os.path.basename(path) and re.match(r"#!.*\b(ba)?sh\b", read(path)[:80])


def check_shell(files, top, read):
    scripts = [f for f in sorted(files) if is_script(f, read)]
    if not scripts:
        return
    if not shutil.which("shellcheck"):
        print("lint: shellcheck is not installed; scripts were not checked", file=sys.stderr)
        return
    run = subprocess.run(["shellcheck", "-f", "gcc", *scripts], cwd=top, text=True,
                         stdout=subprocess.PIPE, check=False)
    for line in run.stdout.splitlines():
        m = re.match(r"([^:]+):(\d+):\d+: (.*)", line)
        if m:
            yield m.group(1), int(m.group(2)), m.group(3)


def check_mutants(files, top):
    """A planted bug that no longer applies is one that nobody looks for any more."""
    for path in sorted(f for f in files if fnmatch.fnmatch(f, "tests/sim/mutants/*.patch")):
        run = subprocess.run(["git", "apply", "--check", path], cwd=top, text=True,
                             stderr=subprocess.PIPE, check=False)
        if run.returncode:
            yield path, 1, "does not apply any more: " + run.stderr.splitlines()[0]


def lint(top):
    def read(path):
        with open(os.path.join(top, path), encoding="utf-8", errors="replace") as f:
            return f.read()

    listing = subprocess.run(["git", "ls-files"], cwd=top, text=True, stdout=subprocess.PIPE,
                             check=True).stdout.split("\n")
    files = {f for f in listing if f and os.path.isfile(os.path.join(top, f))}
    found = []
    for path in sorted(files):
        if path.endswith(MARKED + (".mk", ".am", ".ac")):
            source = Source(path, read(path), files)
            for rule in RULES:
                found += [(path, line, what) for line, what in rule(source)]
    found += check_readmes(files, read)
    found += check_shell(files, top, read)
    found += check_mutants(files, top)
    for path, line, what in found:
        print(f"{path}:{line}: {what}")
    print(f"lint: {len(files)} files, {len(found)} findings", file=sys.stderr)
    return 1 if found else 0


# --- the rules' own tests ----------------------------------------------------------------------

def self_test():
    spdx = "/* SPDX-License-Identifier: Apache-2.0 */\n"
    body = spdx + "/* x.c - a sample. */\n"
    unfinished = "/* TO" + "DO: later */"
    # rule, path, bad text, good text
    samples = [
        (rule_licence, "protocol/base/x.c", "int x;\n", body),
        (rule_purpose, "protocol/base/x.c", spdx + "int x;\n", body),
        (rule_file_length, "agent/x.c", "\n" * 801, "\n" * 800),
        (rule_line_length, "agent/x.c", "x" * 101, "x" * 100),
        (rule_function_length, "agent/x.c", "void f(void)\n{\n" + "    x();\n" * 101 + "}\n",
         "void f(void)\n{\n" + "    x();\n" * 100 + "}\n"),
        (rule_unfinished, "agent/x.c", unfinished, "/* TODOS are fine */"),
        (rule_white_space, "agent/x.c", "int x; \n", "int x;\n"),
        (rule_white_space, "agent/x.c", "\tint x;\n", "    int x;\n"),
        (rule_full_includes, "agent/x.c", '#include "slice.h"\n', '#include "agent/x.h"\n'),
        (rule_layers, "protocol/base/x.c", '#include "protocol/daemon/log.h"\n',
         '#include "protocol/base/buf.h"\n'),
        (rule_layers, "protocol/daemon/x.c", '#include "protocol/net/loop.h"\n',
         '#include "protocol/base/buf.h"\n'),
        (rule_layers, "agent/x.c", '#include "broker/broker.h"\n',
         '#include "protocol/client/producer.h"\n'),
        (rule_layers, "broker/group/x.c", '#include "protocol/daemon/env.h"\n',
         '#include "protocol/wire/messages.h"\n'),
        (rule_pure, "protocol/wire/x.c", "#include <unistd.h>\n", "#include <string.h>\n"),
        (rule_pure, "broker/group/x.c", "#include <sys/socket.h>\n", "#include <sys/types.h>\n"),
        (rule_pure, "agent/tail/x.c", "    p = malloc(3);\n", "    p = mem_alloc(3);\n"),
        (rule_pure, "broker/raft/x.c", "    log_info(l, 0);\n", '    x("log_info()");\n'),
        (rule_pure, "protocol/base/x.c", "    free(p);\n", "    ops->free(p); mem_free(p);\n"),
        (rule_pure, "protocol/base/x.c", "    printf(x);\n", "    vsnprintf(x); buf_printf(b);\n"),
    ]
    for name in list(BANNED) + list(BANNED_OUTSIDE_TESTS):
        samples.append((rule_banned_calls, "agent/x.c", f"    {name}(a);\n",
                        f'    my_{name}(a); /* {name}(a) */ b("{name}(");\n'))
    failures = 0
    for rule, path, bad, good in samples:
        files = {"agent/x.h"}
        if not list(rule(Source(path, bad, files))):
            print(f"{rule.__name__} did not find: {bad[:60]!r}")
            failures += 1
        if list(rule(Source(path, good, files))):
            print(f"{rule.__name__} found a fault in: {good[:60]!r}")
            failures += 1
    readmes = [("| `a.c` | x |\n", ["a.c", "b.c"], 1),
               ("| `a.*`, `b.c` | x |\n", ["a.c", "b.c"], 0),
               ("| `a`, `b.h` | x |\n", ["a.c", "a.h", "b.h"], 0),
               ("| a.c, a.h | x |\n", ["a.c", "a.h"], 0),
               ("| `a.{c,h}` | x |\n", ["a.c", "a.h"], 0),
               ("| `gone.c` `a.c` | x |\n", ["a.c"], 1), ("no table `a.c`\n", ["a.c"], 1)]
    for text, names, count in readmes:
        got = list(readme_problems(text, names))
        if len(got) != count:
            print(f"readme_problems: {text!r} gave {got}")
            failures += 1
    if not list(check_readmes({"agent/x.c"}, lambda path: "")):
        print("check_readmes did not miss agent/README.md")
        failures += 1
    tested = {rule for rule, *_ in samples}
    for rule in RULES:
        if rule not in tested:
            print(f"{rule.__name__} has no sample")
            failures += 1
    print(f"lint self-test: {len(samples) + len(readmes) + 1} samples, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    sys.exit(lint(sys.argv[1] if len(sys.argv) > 1 else "."))
