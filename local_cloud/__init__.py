"""AWS on one machine: moto's API, with real containers behind servers, databases and caches.

A development tool. It listens on loopback and on its own container bridges only, keeps its state
in one process, and leaves nothing behind when that process ends.
"""
