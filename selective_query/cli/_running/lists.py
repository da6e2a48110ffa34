"""Implementation of `selective-query list`."""

from selective_query.cli._budgets import BUDGETS, COST_BUDGETS
from selective_query.cli._running.printing import aligned, show
from selective_query.costs import DEVICES, LINKS
from selective_query.routers.registry import BASELINES, ROUTERS


def _routers():
    for name, cls in ROUTERS.items():
        role = "bound" if cls.is_bound else "baseline" if name in BASELINES else ""
        first = cls.__doc__.partition("\n\n")[0]
        yield {"router": name, "role": role, "whom it queries": " ".join(first.split())}


def _budgets():
    for name, kind in (BUDGETS | COST_BUDGETS).items():
        costs = "yes" if name in COST_BUDGETS else ""
        yield {"budget": name, "of a deployment": costs, "what it keeps": kind.help}


def _devices():
    for name, device in DEVICES.items():
        yield {
            "device": name,
            "clock (MHz)": device.clock_mhz,
            "SRAM (KB)": device.sram_bytes // 1024,
            "flash (KB)": device.flash_bytes // 1024,
            "active (mW)": device.active_power_mw,
        }


def _links():
    for name, link in LINKS.items():
        yield {
            "link": name,
            "throughput (kbit/s)": link.throughput_kbps,
            "round trip (ms)": link.round_trip_ms,
            "energy (uJ/byte)": link.energy_uj_per_byte,
        }


ROWS = {
    "budgets": _budgets, "devices": _devices, "links": _links, "routers": _routers,
}  # fmt: skip


def show_list(args):
    """Print the requested table."""
    rows = list(ROWS[args.what]())
    show(args, aligned(rows), rows)
