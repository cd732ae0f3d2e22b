"""Saves time in tests: the system's Python caches the compiled code of Ansible's modules. No real server has this.

Ansible sends a module and its imports as a zip file, and Python compiles all of it each time: half of the CPU time of a task here.
Only root writes the cache, in a directory that belongs to root. The key is the hash of the source.
"""

import zipimport

DIRECTORY = "/var/cache/ansible-code"
compile_source = zipimport._compile_source


def kept(path: str, source: bytes) -> object:
    """Return the compiled code of a source, from the cache if possible."""
    import hashlib
    import marshal
    import os

    file = f"{DIRECTORY}/{hashlib.sha256(source).hexdigest()}"
    try:
        with open(file, "rb") as known:
            return marshal.loads(known.read())
    except (OSError, ValueError, EOFError, TypeError):
        code = compile_source(path, source)
    if os.geteuid() == 0:
        new = f"{file}.{os.getpid()}"
        try:
            os.makedirs(DIRECTORY, 0o755, exist_ok=True)
            with open(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644), "wb") as written:
                written.write(marshal.dumps(code))
            os.rename(new, file)
        except OSError:  # a full or read-only disk
            pass
    return code


zipimport._compile_source = kept
