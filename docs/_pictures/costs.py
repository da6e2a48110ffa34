"""Pictures of costs."""

import matplotlib.pyplot as plt
import numpy as np

from _pictures.drawing import BLUE, GREEN, INK, QUIET, WIDE


def _sensor():
    from selective_query.costs import CLOUD, LTE_M, STM32F746, Deployment

    return Deployment(
        device=STM32F746.with_(
            battery_mah=1200, sleep_power_mw=0.3, sensing_energy_mj=2
        ),
        base_ms=120,
        link=LTE_M.with_(price_per_mb=0.4),
        cloud=CLOUD.with_(price_per_query=0.001),
        payload_bytes=3072,
        inputs_per_day=500,
        timeout_ms=3000,
    )


def latency_and_battery():
    """Latency and battery life of a sensor over coverage."""
    costs = _sensor()
    coverage = np.linspace(0, 1, 51)
    figure, panels = plt.subplots(1, 2, figsize=(WIDE, 2.7))
    lines = [
        ("Mean latency, ms", [costs.latency_ms(c) for c in coverage], BLUE, 200, "<="),
        (
            "Battery life, days",
            [costs.battery_days(c) for c in coverage],
            GREEN,
            120,
            ">=",
        ),
    ]
    for ax, (name, values, colour, limit, sign) in zip(panels, lines, strict=True):
        values = np.array(values)
        fine = values <= limit if sign == "<=" else values >= limit
        first = coverage[np.flatnonzero(fine)[0]]
        ax.plot(100 * coverage, values, color=colour)
        ax.axhline(limit, color=QUIET, lw=1, ls="--")
        ax.axvspan(100 * first, 100, color=colour, alpha=0.13, lw=0)
        ax.text(2, limit, f"limit {limit}", va="bottom")
        ax.set(xlim=(0, 100), ylim=(0, None), xlabel="Coverage, %", ylabel=name)
    return figure


def systems():
    """Four systems under one cost model."""
    from selective_query.datasets import make_selective_query
    from selective_query.planning import on_cloud, on_device, routed
    from selective_query.routers import BenefitRouter, EntropyRouter

    costs = _sensor()
    train, calibration, test = (
        make_selective_query(3000, regime="specialist", random_state=seed).outcomes
        for seed in range(3)
    )
    routers = {"entropy": EntropyRouter(), "hybrid": BenefitRouter().fit(train)}
    figure, ax = plt.subplots(figsize=(WIDE, 3.3))
    looks = {"entropy": (INK, "--", 300, -0.8), "hybrid": (BLUE, "-", 240, 0.4)}
    for name, router in routers.items():
        curve = routed(
            test,
            router.query_score(test.evidence),
            costs,
            calibration=calibration,
            calibration_score=router.query_score(calibration.evidence),
            name=name,
        )
        x = np.asarray(curve.costs["latency_ms"])
        y = 100 * np.asarray(curve.accuracy)
        colour, line, at, shift = looks[name]
        order = np.argsort(x)
        ax.plot(x[order], y[order], color=colour, ls=line)
        height = np.interp(at, x[order], y[order])
        ax.text(at, height + shift, name, color=colour, ha="right")
    for system, name, colour in (
        (on_device(test, costs), "base alone", QUIET),
        (on_cloud(test, costs), "global alone", GREEN),
    ):
        x, y = float(system.costs["latency_ms"][0]), 100 * float(system.accuracy[0])
        ax.plot(x, y, "D", color=colour, ms=7)
        ax.annotate(name, (x, y), (9, -4), textcoords="offset points", color=colour)
    ax.set(xlabel="Mean latency, ms", ylabel="Accuracy, %")
    return figure
