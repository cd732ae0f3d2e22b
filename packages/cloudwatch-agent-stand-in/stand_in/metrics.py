"""Measures the host, with the real agent's metric names, units and dimensions."""

import os
from pathlib import Path

from stand_in.config import Metric

# The columns of the first line of /proc/stat.
CPU_STATES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")

Datum = dict[str, object]


class Meter:
    """Measures the host. Keep the object: CPU usage needs the previous measurement."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        """Use the kernel's files below proc."""
        self._proc = proc
        self._cpu = self._cpu_times()

    def measure(self, metric: Metric) -> list[Datum]:
        """Return one datum per measurement (and mount point), ready for PutMetricData."""
        if metric.kind == "disk":
            return [datum for path in metric.resources for datum in self._disk(metric, path)]
        values = {"cpu": self._cpu_usage, "mem": self._memory, "swap": self._swap}[metric.kind]()
        dimensions = {"cpu": "cpu-total"} if metric.kind == "cpu" else {}
        return [_datum(metric.kind, name, values[name], dimensions) for name in metric.measurements]

    def _cpu_times(self) -> dict[str, int]:
        fields = (self._proc / "stat").read_text().split("\n", 1)[0].split()[1:]
        return {state: int(value) for state, value in zip(CPU_STATES, fields, strict=False)}

    def _cpu_usage(self) -> dict[str, float]:
        before, self._cpu = self._cpu, self._cpu_times()
        spent = {state: self._cpu[state] - before[state] for state in CPU_STATES}
        total = max(sum(spent.values()), 1)
        usage = {f"usage_{state}": 100 * value / total for state, value in spent.items()}
        return usage | {"usage_active": 100 - usage["usage_idle"] if any(spent.values()) else 0.0}

    def _meminfo(self) -> dict[str, int]:
        lines = (self._proc / "meminfo").read_text().splitlines()
        return {name: int(value.split()[0]) * 1024 for name, value in (line.split(":", 1) for line in lines)}

    def _memory(self) -> dict[str, float]:
        info = self._meminfo()
        total, available = info["MemTotal"], info["MemAvailable"]
        values = {"total": total, "available": available, "free": info["MemFree"], "used": total - available}
        return values | {
            "used_percent": 100 * (total - available) / total,
            "available_percent": 100 * available / total,
        }

    def _swap(self) -> dict[str, float]:
        info = self._meminfo()
        total, free = info["SwapTotal"], info["SwapFree"]
        return {
            "free": free,
            "used": total - free,
            "used_percent": 100 * (total - free) / total if total else 0.0,
        }

    def _disk(self, metric: Metric, path: str) -> list[Datum]:
        status = os.statvfs(path)
        total, free = status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize
        used = (status.f_blocks - status.f_bfree) * status.f_frsize
        values = {
            "total": total,
            "free": free,
            "used": used,
            "used_percent": 100 * used / (used + free) if used + free else 0.0,
            "inodes_total": status.f_files,
            "inodes_free": status.f_ffree,
            "inodes_used": status.f_files - status.f_ffree,
        }
        return [
            _datum("disk", name, values[name], {"path": path, "fstype": self._file_system(path)})
            for name in metric.measurements
        ]

    def _file_system(self, path: str) -> str:
        mounts = [line.split() for line in (self._proc / "mounts").read_text().splitlines()]
        return next((fields[2] for fields in mounts if fields[1] == path), "unknown")


def _datum(kind: str, name: str, value: float, dimensions: dict[str, str]) -> Datum:
    percent = name.endswith("_percent") or name.startswith("usage_")
    count = name.startswith("inodes_")
    return {
        "MetricName": f"{kind}_{name}",
        "Value": float(value),
        "Unit": "Percent" if percent else "Count" if count else "Bytes",
        "Dimensions": [{"Name": key, "Value": text} for key, text in dimensions.items()],
    }
