"""Table 2 in the paper's form: accuracy of systems within a latency; the headline."""

from functools import cache

import numpy as np
from _paper_nets import METHODS, N_EXIT_SEEDS, exits_of, routed
from _seeds import mean_and_interval
from _training_tasks import BASES, PAPER_TASKS, cifar10, stored_global

from selective_query import Evidence, Outcomes, planning
from selective_query.costs import BLE, CLOUD, LTE_M, STM32F746, WIFI, Deployment
from selective_query.footprint.exit_profile import profile_exits, split_points
from selective_query.footprint.net_profile import profile_net
from selective_query.routers import EntropyRouter

INPUT = (3, 32, 32)
PAYLOAD_BYTES = 3 * 32 * 32
LINKS = {"LTE-M": LTE_M, "BLE": BLE, "Wi-Fi": WIFI}
# The paper's latencies as shares of its on-cloud latency, and its accuracies there.
SHARES = (0.5, 0.7, 0.8, 1.0)
PAPER_WITHIN = {
    "on-cloud": (None, None, None, 79.9),
    "on-device": (60.9, 63.5, None, None),
    "entropy": (67.4, 74.7, 76.93, None),
    "hybrid": (70.8, 77.7, 79.5, None),
}
# The paper's headline: share of the on-cloud latency and the corresponding loss of
# accuracy, in points; and the lowest share that either loss allows.
FORMS = {
    "three quarters of the time": (0.75, 0.0),
    "four fifths of the time": (0.80, 0.4),
    "least time without loss": (None, 0.0),
    "least time for 0.4 points": (None, 0.4),
}


@cache
def profile(size):
    return profile_net(PAPER_TASKS[f"cifar10_{size}"].base(), INPUT)


def exit_net(name):
    """Return an untrained net of a task with exits, with its input scaling."""
    task = PAPER_TASKS["cifar10_exits"]
    return (task.base if name == "device" else task.global_)().net


def nets(seeds=None):
    """Return the footprint of each net on the microcontroller, and whether it fits."""
    made = {size: PAPER_TASKS[f"cifar10_{size}"].base() for size in BASES}
    made["with exits"] = exit_net("device")
    made["cloud"] = exit_net("cloud")
    rows = []
    for name, net in made.items():
        # For a net with exits, all exits count.
        found = (
            profile_exits(net, INPUT).net
            if hasattr(net, "forward_exits")
            else profile_net(net, INPUT)
        )
        report = found.fits(STM32F746)
        rows.append(
            {"net": name, "macs": found.macs, "flash_bytes": found.flash_bytes(),
             "sram_bytes": found.sram_bytes(), "fits": bool(report),
             "excess": report.excess}
        )  # fmt: skip
    return rows


def deployment(link, size):
    return Deployment(
        device=STM32F746, base_macs=profile(size).macs, link=LINKS[link], cloud=CLOUD,
        payload_bytes=PAYLOAD_BYTES,
    )  # fmt: skip


def hybrid(link, size, method, seed):
    found = routed(size, method, seed)
    costs = planning.charged(deployment(link, size), found.router, found.test)
    return planning.routed(
        found.test, found.test_score, costs, calibration=found.train,
        calibration_score=found.train_score, name=method,
    )  # fmt: skip


def split(link):
    """Return the cloud's net, cut after each of its parts that fits the device."""
    stored = stored_global("cifar10_small")
    curves = []
    for point in split_points(exit_net("cloud"), INPUT):
        if not point.edge.fits(STM32F746):
            continue
        parts = [
            Outcomes(
                base_proba=stored[f"{part}_exits"][point.number],
                global_proba=stored[part],
                y=y,
            )
            for part, (_, y) in zip(("router", "test"), cifar10()[1:], strict=True)
        ]
        train_score, test_score = (
            EntropyRouter().fit(rows).query_score(rows.evidence) for rows in parts
        )
        costs = planning.charged(deployment(link, "small"), EntropyRouter(), parts[1])
        costs = point.deployed(costs)
        cut = planning.routed(
            parts[1], test_score, costs, calibration=parts[0],
            calibration_score=train_score,
        )  # fmt: skip
        curves.append(cut)
    return planning.SystemCurve.joined("split computation", curves)


def early_exit(seed):
    stored = exits_of(seed).outputs()
    of_ten_classes = Evidence(base_proba=np.full((1, 10), 0.1))
    (_, y), (_, y_test) = cifar10()[1:]
    return planning.early_exit(
        stored["test_exits"], y_test, STM32F746,
        calibration_proba=stored["router_exits"], calibration_y=y,
        exit_macs=profile_exits(exit_net("device"), INPUT).macs,
        router_macs=EntropyRouter().decision_cost(of_ten_classes).macs,
    )  # fmt: skip


def side_by_side(link, seed):
    """Return all systems on the same rows; each may choose among three base sizes."""
    joined = planning.SystemCurve.joined
    hybrids = {m: [hybrid(link, size, m, seed) for size in BASES] for m in METHODS}
    alone = []
    for size in BASES:
        for method in METHODS:
            found = routed(size, method, seed)
            costs = deployment(link, size)
            alone.append(planning.on_device(found.test, costs, calibration=found.train))
    found = routed("large", "entropy", seed)
    cloud = planning.on_cloud(found.test, deployment(link, "large"))
    return [
        cloud,
        joined("on-device", alone),
        early_exit(seed % N_EXIT_SEEDS),
        split(link),
        *(joined(method, curves) for method, curves in hybrids.items()),
    ]


def table_2(seeds, link="LTE-M"):
    """Best accuracy of each system within shares of the on-cloud latency."""
    by_seed = [side_by_side(link, seed) for seed in seeds]
    limit = by_seed[0][0].costs["latency_ms"][0]
    best = [
        planning.best_within(s, [share * limit for share in SHARES]) for s in by_seed
    ]
    rows = []
    for name in best[0]:
        for share in SHARES:
            points = [found[name][share * limit] for found in best]
            ours = None
            if all(point is not None for point in points):
                ours = 100 * float(np.mean([p.accuracy for p in points]))
            place = SHARES.index(share)
            paper = PAPER_WITHIN.get(name, (None,) * len(SHARES))[place]
            rows.append(
                {"link": link, "system": name, "share of the on-cloud latency": share,
                 "latency_ms": share * limit, "accuracy": ours, "paper": paper}
            )  # fmt: skip
    return rows


def fronts(seeds, link="LTE-M"):
    """Every operating point of every system with the first seed, for pictures."""
    return [
        {"system": s.name, "accuracy": 100 * float(a), "latency_ms": float(ms),
         "energy_mj": float(mj)}
        for s in side_by_side(link, seeds[0])
        for a, ms, mj in zip(
            s.accuracy, s.costs["latency_ms"], s.costs["energy_mj"], strict=True
        )
    ]  # fmt: skip


def headline(seeds):
    """Latency below that of the cloud alone, and the accuracy that it costs."""
    return [
        _headline(seeds, link, size, form)
        for link in LINKS
        for size in BASES
        for form in FORMS
    ]


def _headline(seeds, link, size, form):
    share, allowed = FORMS[form]
    points, differences = [], []
    for seed in seeds:
        found = routed(size, "hybrid", seed)
        cloud = planning.on_cloud(
            found.test, deployment(link, size), calibration=found.train
        )
        query_ms = float(cloud.costs["latency_ms"][0])
        curve = hybrid(link, size, "hybrid", seed)
        if share is None:
            point = _quickest(curve, cloud.calibration_accuracy[0] - allowed / 100)
        else:
            point = curve.within(share * query_ms)
        points.append(point)
        differences.append(100 * (point.utility - cloud.utility[0]))
    gain, low, high = mean_and_interval(
        [difference.mean() for difference in differences], np.mean(differences, axis=0)
    )
    base_ms = deployment(link, size).base_time_ms
    return {
        "form": form,
        "link": link,
        "base": size,
        "base_ms": base_ms,
        "query_ms": query_ms,
        "share": float(np.mean([p.costs["latency_ms"] for p in points])) / query_ms,
        "coverage": float(np.mean([p.coverage for p in points])),
        "minus on-cloud": gain,
        "low": low,
        "high": high,
        "paper's ratio": bool(base_ms >= query_ms / 10),
    }


def _quickest(curve, accuracy):
    """Return the fastest point that reaches an accuracy on the calibration rows."""
    reaches = np.flatnonzero(curve.calibration_accuracy >= accuracy)
    spent = curve.calibration_costs["latency_ms"][reaches]
    return curve.point(int(reaches[spent.argmin()]))
