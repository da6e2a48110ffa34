"""Valid calls that involve costs: devices, links, deployments, systems, plans."""

from dataclasses import fields

import numpy as np
from sklearn.naive_bayes import GaussianNB

from selective_query import Outcomes
from selective_query.budgets import MaxLatency
from selective_query.costs import (
    CLOUD,
    STM32F746,
    WIFI,
    Cloud,
    ConstantCosts,
    Deployment,
    Device,
    Gateway,
    Link,
    measure_latency,
)
from selective_query.footprint import EstimatorProfile, profile_estimator
from selective_query.planning import (
    SystemCurve,
    best_within,
    early_exit,
    on_cloud,
    on_device,
    plan,
    routed,
)
from tests.hostile.calls import (
    BASE,
    COST,
    FREE_UNIT,
    GLOBAL,
    LABEL,
    PROBA,
    SCORE,
    SHARE,
    WEIGHT,
    by_name,
    of,
)
from tests.hostile.values import (
    Choice,
    Instance,
    Number,
    Rows,
    Table,
    Weights,
    Whole,
)

AMOUNT = Number(0)
OPTIONAL = Number(0, optional=True)
TEXT = (Choice(words=False), "of one")
ROWS = Outcomes(
    base_utility=BASE, global_utility=GLOBAL, sample_weight=WEIGHT, base_proba=PROBA
)
OTHER = Outcomes(base_utility=GLOBAL, global_utility=BASE)
DEPLOYMENT = Deployment(
    device=STM32F746, base_ms=200.0, link=WIFI, cloud=CLOUD, payload_bytes=3072.0
)
SHORT = Deployment(
    device=STM32F746, base_ms=200.0, order="same_device", global_ms=900.0
)
FITTED = GaussianNB().fit(PROBA, LABEL)
PROFILE = profile_estimator(FITTED, PROBA)
CURVE = SystemCurve(
    name="small",
    accuracy=[0.5, 0.75],
    coverage=[0.5, 1],
    costs={"latency_ms": [2, 1]},
    calibration_accuracy=[0.5, 0.75],
    calibration_costs={"latency_ms": [2, 1]},
    utility=np.stack([BASE, GLOBAL]),
)
POINTS = Rows(0, 1, one_a_row=True)
COSTS = {
    "coverage": (SHARE, 0.75),
    "statistic": (Choice(), "p95"),
    "payload_bytes": (AMOUNT, 3072.0),
    "macs": (Number(0, many=True), 1000.0),
    "ms": (Number(0, many=True), 100.0),
    "bits": (Whole(1), 8),
    "device": (Instance(), STM32F746),
    "deployment": (Instance(), DEPLOYMENT),
    "outcomes": (Instance(), ROWS),
    "calibration": (Instance(optional=True), OTHER),
    "name": TEXT,
    "cost": (Choice(), "latency_ms"),
    "limit": (Number(infinite=True), 2.0),
    "number": (Whole(0), 1),
}


def record(kind, valid, **kinds):
    """Return a call of a dataclass of numbers, each of which may be replaced."""
    names = [f.name for f in fields(kind) if f.init and not f.name.startswith("_")]
    lacking = {f.name for f in fields(kind) if f.default is None}

    def kind_of(name):
        return kinds.get(name, OPTIONAL if name in lacking else AMOUNT)

    return of(kind, **{n: (kind_of(n), getattr(valid, n)) for n in names})


def method(obj, called, title=None, /, **others):
    return by_name(getattr(obj, called), title, known=COSTS, **others)


def planned(outcomes, score, deployment):
    return plan(outcomes, score, deployment, lambda c: MaxLatency(250, c)).coverage


def within(systems, limit, cost):
    found = best_within(systems, [limit], cost)
    return [p and p.accuracy for points in found.values() for p in points.values()]


CALLS = [
    record(
        ConstantCosts,
        ConstantCosts(base_price=1.0, query_price=2.0, battery_mwh=2.0),
        router_first=Choice(),
    ),
    record(
        Device,
        STM32F746,
        name=TEXT[0],
        core=Choice(),
        cycles_per_mac=Instance(),
        sources=Instance(),
        clock_mhz=Number(1e-3, 1e5),
        usable_share=SHARE,
        sram_bytes=Number(1),
        flash_bytes=Number(1),
    ),
    record(
        Link,
        WIFI,
        name=TEXT[0],
        sources=Instance(),
        throughput_kbps=Number(1e-6),
        availability=SHARE,
        duty_cycle=Number(1e-9, 1),
    ),
    record(Cloud, CLOUD, name=TEXT[0], sources=Instance()),
    record(
        Deployment,
        DEPLOYMENT,
        device=Instance(),
        link=Instance(),
        cloud=Instance(),
        order=Choice(),
        retries=Whole(0),
        base_macs=None,
        global_macs=None,
        global_ms=None,
        base_ms=AMOUNT,
        payload_bytes=AMOUNT,
    ),
    of(Gateway, deployment=(Instance(), DEPLOYMENT), coverage=(SHARE, 0.5)),
    record(
        EstimatorProfile,
        PROFILE,
        n_outputs=None,
        is_bound=None,
        **dict.fromkeys(("macs", "weights", "comparisons", "constants"), Whole()),
        **dict.fromkeys(("index_bytes", "peak_elements"), Whole()),
    ),
    method(ConstantCosts(), "latency_ms", "ConstantCosts.latency_ms"),
    method(ConstantCosts(), "price"),
    method(ConstantCosts(), "energy_mj"),
    method(DEPLOYMENT, "latency_ms"),
    method(DEPLOYMENT, "latency_range_ms"),
    method(DEPLOYMENT, "energy_mj"),
    method(DEPLOYMENT, "price"),
    method(DEPLOYMENT, "bytes"),
    method(DEPLOYMENT, "check_load"),
    of(
        SHORT.by_row,
        kept=(Rows(0, 1), LABEL / 1),
        payload_bytes=(Rows(0, optional=True), COST),
    ),
    method(STM32F746, "latency_ms", "Device.latency_ms"),
    method(STM32F746, "latency_range_ms"),
    method(STM32F746, "compute_energy_mj"),
    *(
        method(WIFI, name)
        for name in ("n_messages", "on_air_ms", "transfer_ms", "send_energy_mj")
    ),
    method(WIFI, "price"),
    method(PROFILE, "flash_bytes"),
    method(PROFILE, "sram_bytes"),
    method(PROFILE, "fits", reserved_bytes=(Whole(), 1024)),
    of(
        lambda estimator, X, batch_size, n_repeats, n_warm_up, clock: (
            measure_latency(
                estimator,
                X,
                batch_size,
                n_repeats=n_repeats,
                n_warm_up=n_warm_up,
                clock=clock,
            ).method
        ),
        "measure_latency",
        estimator=(Instance(), FITTED),
        X=(None, PROBA),
        batch_size=(Whole(1), 2),
        n_repeats=(Whole(1), 3),
        n_warm_up=(Whole(0), 1),
        clock=(Choice(), lambda: 0.0),
    ),
    of(
        SystemCurve,
        name=TEXT,
        accuracy=(FREE_UNIT, BASE),
        coverage=(POINTS, SCORE),
        costs=(Instance(), {"latency_ms": COST}),
        calibration_accuracy=(POINTS, GLOBAL),
        calibration_costs=(Instance(), {"latency_ms": COST}),
        threshold=(Rows(optional=True, infinite=True), SCORE),
        utility=(Table(distribution=False), np.tile(BASE[:, None], 2)),
        sample_weight=(Weights(one_a_row=False), np.array([1.0, 2.0])),
    ),
    method(CURVE, "cost", name=(Choice(), "latency_ms")),
    method(CURVE, "point"),
    method(CURVE, "within"),
    of(
        CURVE.point(0).minus,
        "SystemPoint.minus",
        other=(Instance(), CURVE.point(1)),
        confidence=(Number(0, 1, between=True), 0.75),
    ),
    of(SystemCurve.joined, name=TEXT, curves=(Instance(), [CURVE, CURVE])),
    of(
        within,
        "best_within",
        systems=(Instance(), [CURVE]),
        limit=(Number(0, infinite=True), 2.0),
        cost=(Choice(), "latency_ms"),
    ),
    by_name(on_device, known=COSTS),
    by_name(on_cloud, known=COSTS),
    by_name(
        routed,
        known=COSTS,
        calibration=(Instance(), OTHER),
        score=(Rows(infinite=True), SCORE),
        calibration_score=(Rows(infinite=True), SCORE[::-1]),
        coverages=(FREE_UNIT, np.array([0.5, 0.75])),
    ),
    by_name(
        early_exit,
        known=COSTS,
        proba=(Instance(), np.stack([PROBA, PROBA[::-1]])),
        y=(Rows(0, 1), LABEL / 1),
        calibration_proba=(Instance(), np.stack([PROBA[::-1], PROBA])),
        calibration_y=(Rows(0, 1), LABEL / 1),
        exit_macs=(None, None),
        exit_ms=(Rows(0, one_a_row=True), np.array([1.0, 2.0])),
        router_macs=(AMOUNT, 10.0),
        n_points=(Whole(2), 3),
        sample_weight=(Weights(), WEIGHT),
        calibration_weight=(Weights(), WEIGHT),
    ),
    of(
        planned,
        "plan",
        outcomes=(Instance(), ROWS),
        score=(Rows(infinite=True), SCORE),
        deployment=(Instance(), DEPLOYMENT),
    ),
]
