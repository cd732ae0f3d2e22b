"""STAND-IN for time: the system's Python keeps what it has compiled of Ansible's modules. No real server has this.

Ansible sends a module and what it imports as a zip file, from which Python compiles all of it each time: half of the processor
time of a task here. Only root's is kept, by the source's hash, where nobody else can write.
"""

import zipimport

FOLDER = "/var/cache/ansible-code"
compile_source = zipimport._compile_source


def kept(path: str, source: bytes) -> object:
    """Return the code of a source, from an earlier time where there is one."""
    import hashlib
    import marshal
    import os

    file = f"{FOLDER}/{hashlib.sha256(source).hexdigest()}"
    try:
        with open(file, "rb") as known:
            return marshal.loads(known.read())
    except (OSError, ValueError, EOFError, TypeError):
        code = compile_source(path, source)
    if os.geteuid() == 0:
        new = f"{file}.{os.getpid()}"
        try:
            os.makedirs(FOLDER, 0o755, exist_ok=True)
            with open(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644), "wb") as written:
                written.write(marshal.dumps(code))
            os.rename(new, file)
        except OSError:  # a full or read-only disk
            pass
    return code


zipimport._compile_source = kept
