#!/usr/bin/env python3
"""deploy/axiom-serve.service: systemd takes the unit, the server tells it when it is ready, alive and stopping, and it generates under the
unit's own limits: its system calls and address families as a seccomp filter, no memory that is written and executed, no new privileges, a
file system that can't be written. What needs systemd itself (its users, its mount namespaces) is not tried."""
import ctypes
import errno
import json
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess

import axiom
import serve
import serve_ops

UNIT = axiom.ROOT / "deploy/axiom-serve.service"


def verify(check, folder):
    if not shutil.which("systemd-analyze"):
        return print("systemd-analyze is not installed: the unit is not verified")
    text = UNIT.read_text().replace("/usr/bin/axiom-serve", str(axiom.binary("axiom-serve")))
    copy = folder / UNIT.name
    copy.write_text(re.sub("(?m)^(User|Group)=.*", r"\1=root", text))
    got = axiom.run("systemd-analyze", "verify", "--man=no", copy)
    check(got.status == 0 and UNIT.name not in got.err, f"systemd-analyze verify: {got.status} {got.out} {got.err}")
    copy.write_text(text + "\n[Service]\nNoSuchOption=1\n")
    check("NoSuchOption" in axiom.run("systemd-analyze", "verify", "--man=no", copy).err, "systemd-analyze verify finds nothing wrong")


def notifies(check, folder):
    path = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as box:
        box.bind(str(path))
        box.settimeout(serve.WAIT)
        with serve_ops.running(serve_ops.tiny(folder), env={"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "300000"}) as server:
            said = [box.recv(100) for _ in range(4)]
            check(b"READY=1" in said and said.count(b"WATCHDOG=1") == 3, f"told: {said}")
            client = server.stream(max_tokens=50)[0]
            client.close()
            server.process.send_signal(signal.SIGTERM)
            while box.recv(100) != b"STOPPING=1":
                pass
            check(server.wait() == 0, "exit")


def options(name):
    return [value for value in re.findall(rf"(?m)^{name}=(.*)$", UNIT.read_text())]


def numbers():
    text = open("/usr/include/x86_64-linux-gnu/asm/unistd_64.h").read()
    return {name: int(number) for name, number in re.findall(r"#define __NR_(\w+) (\d+)", text)}


def allowed():
    """The numbers of the unit's system calls, groups resolved as systemd has them."""
    def resolve(word):
        if not word.startswith("@"):
            return {word}
        out = set()
        for line in axiom.run("systemd-analyze", "syscall-filter", word).ok().out.splitlines()[1:]:
            name = line.strip()
            if name and not name.startswith("#"):
                out |= resolve(name)
        return out
    calls = set()
    for value in options("SystemCallFilter"):
        names = set().union(*(resolve(word) for word in value.lstrip("~").split()))
        calls = calls - names if value.startswith("~") else calls | names
    table = numbers()
    return sorted(table[name] for name in calls if name in table)


def program(calls):
    """The filter: classic BPF over struct seccomp_data. Arguments are compared by their lower half."""
    out, table = [], numbers()
    allow, deny = 0x7FFF0000, 0x00050000 | errno.EPERM

    def add(code, k, yes=0, no=0):
        out.append(struct.pack("=HBBI", code, yes, no, k))

    def load(at):
        add(0x20, at)  # ld word

    def refuse_if(call, argument, mask, value):
        """EPERM where argument & mask == value."""
        load(0)
        add(0x15, table[call], 0, 4)  # jeq
        load(16 + 8 * argument)
        add(0x54, mask)  # and
        add(0x15, value, 0, 1)
        add(0x06, deny)  # ret

    for call in ("mprotect", "pkey_mprotect"):
        refuse_if(call, 2, 4, 4)  # PROT_EXEC
    refuse_if("mmap", 2, 6, 6)  # PROT_WRITE and PROT_EXEC
    refuse_if("shmat", 2, 0o100000, 0o100000)  # SHM_EXEC
    load(0)
    add(0x15, table["socket"], 0, 6)
    load(16)
    families = [getattr(socket, word) for word in options("RestrictAddressFamilies")[0].split()]
    assert len(families) == 3
    for k, family in enumerate(families):
        add(0x15, family, 3 - k, 0)
    add(0x06, deny)
    add(0x06, allow)
    load(0)
    for call in calls:
        add(0x15, call, 0, 1)
        add(0x06, allow)
    add(0x06, deny)
    return b"".join(out)


class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]


def confine(code):
    """What a child does before it becomes the server."""
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    what = Filter(len(code) // 8, ctypes.cast(buffer, ctypes.c_void_p))

    def before():
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for number, *words in ((38, 1, 0, 0, 0), (65, 1, 0, 0, 0), (22, 2, ctypes.byref(what))):  # NO_NEW_PRIVS, MDWE, SECCOMP
            if libc.prctl(number, *words) != 0 and number != 65:  # MDWE: Linux 6.3; the filter refuses the same before
                os._exit(99)
    return before


def confined(check, folder):
    if platform.machine() != "x86_64" or not shutil.which("systemd-analyze"):
        return print("the sandbox is tried on x86-64 with systemd-analyze only")
    for option in ("NoNewPrivileges", "MemoryDenyWriteExecute"):
        check(options(option) == ["yes"], f"{option} is not on")
    calls = allowed()
    check(len(calls) > 150 and numbers()["mount"] not in calls and numbers()["ptrace"] not in calls, f"{len(calls)} system calls")
    # The filter bites.
    probe = ("import ctypes,mmap,socket,sys\n"
             "bad=[]\n"
             "try: mmap.mmap(-1,4096,prot=7); bad.append('wx')\n"
             "except PermissionError: pass\n"
             "try: socket.socket(socket.AF_NETLINK,socket.SOCK_RAW,0); bad.append('netlink')\n"
             "except PermissionError: pass\n"
             "if ctypes.CDLL(None).mount(0,0,0,0,0)==0: bad.append('mount')\n"
             "sys.exit(len(bad))\n")
    got = subprocess.run(["python3", "-c", probe], preexec_fn=confine(program(calls)), capture_output=True, text=True)
    check(got.returncode == 0, f"what the unit forbids is possible: {got.returncode} {got.stderr}")
    artifact = serve_ops.tiny(folder)
    flags = next(line for line in UNIT.read_text().splitlines() if line.startswith("ExecStart=")).split()[3:]
    readonly = ["unshare", "-m", "sh", "-c", 'mount --make-rprivate / && mount -o remount,bind,ro / && exec "$@"', "_"]
    system = readonly if axiom.run(*readonly, "true").status == 0 else []
    if not system:
        print("no mount namespaces here: the file system stays writable")
    for load in ("map", "copy", "huge"):
        enter = ("import json,os,sys; sys.path.insert(0, sys.argv[1]); import serve_unit as u; u.confine(u.program(json.loads(sys.argv[2])))(); "
                 "os.execv(sys.argv[3], sys.argv[3:])")
        before = [*system, "python3", "-c", enter, str(axiom.ROOT / "test/e2e"), json.dumps(calls)]
        with serve_ops.running(artifact, "--load", load, *(flag for flag in flags if flag.startswith("--log") or flag == "json"),
                               before=before) as server:
            ask = {"prompt": "the quick", "max_tokens": 16, "temperature": 0, "ignore_eos": True}
            status, _, text = server.ask("POST", "/v1/completions", ask)
            check(status == 200 and json.loads(text)["usage"]["completion_tokens"] == 16, f"--load {load}: {status} {text}")
            status, _, text = server.ask("POST", "/v1/completions", ask | {"structured_outputs": {"choice": ["yes", "no"]}})
            check(status == 200 and json.loads(text)["choices"][0]["text"] in ("yes", "no") or status == 400 and b"built without" in text,
                  f"--load {load}, structured output: {status} {text}")
            lines = open(f"/proc/{server.process.pid}/status").read()
            check(re.search(r"NoNewPrivs:\s+1", lines) and re.search(r"Seccomp:\s+2", lines), "the server is not confined")
            check(server.stop() == 0, f"--load {load}: exit status, {server.lines}")
    print(f"generates with {len(calls)} system calls allowed, weights mapped, copied and in huge pages")


if __name__ == "__main__":
    axiom.main_of(verify, notifies, confined)
