"""Systems on the device, in the cloud, and routed between both."""

from dataclasses import replace

import numpy as np
import pytest

from selective_query import Outcomes
from selective_query.costs import CLOUD, LTE_M, STM32F746, Deployment
from selective_query.datasets import make_selective_query
from selective_query.planning import SystemCurve, on_cloud, on_device, routed
from selective_query.planning.system_curve import COSTS

COSTLY = Deployment(
    device=STM32F746.with_(sensing_energy_mj=3.0), base_ms=100, router_macs=50_000,
    link=LTE_M.with_(availability=0.9, price_per_mb=0.3),
    cloud=CLOUD.with_(price_per_query=0.002), payload_bytes=3072,
)  # fmt: skip
SURE = replace(COSTLY, link=LTE_M.with_(availability=1.0), retries=0)
GRID = np.linspace(0, 1, 11)


def weighted(seed, n=400):
    outcomes = make_selective_query(n, regime="uniform", random_state=seed).outcomes
    weight = np.random.default_rng(seed).integers(0, 4, n)
    return replace(outcomes, sample_weight=weight)


def doubt(outcomes):
    return 1 - outcomes.base_proba.max(axis=1)


TEST, OTHER = weighted(0), weighted(1)


def hybrid(deployment=COSTLY, coverages=GRID, **changes):
    arguments = {"calibration": OTHER, "calibration_score": doubt(OTHER), **changes}
    return routed(TEST, doubt(TEST), deployment, coverages=coverages, **arguments)


def costs_of(curve, number=0):
    return {name: curve.costs[name][number] for name in COSTS}


def at_one_coverage(deployment, coverage):
    return {name: getattr(deployment, name)(coverage) for name in COSTS}


@pytest.mark.parametrize("order", ["base_first", "router_first", "parallel"])
def test_on_device_is_the_base_at_full_coverage_without_a_router(order):
    curve = on_device(TEST, replace(COSTLY, order=order))
    expected = at_one_coverage(replace(COSTLY, router_macs=0, order=order), 1.0)
    assert costs_of(curve) == expected
    assert expected["latency_ms"] == 100
    assert expected["bytes"] == expected["price"] == 0
    assert curve.coverage == [1]
    mean = np.average(TEST.base_utility, weights=TEST.sample_weight)
    assert curve.accuracy == pytest.approx([mean])


@pytest.mark.parametrize("order", ["base_first", "parallel", "router_first"])
def test_on_cloud_is_every_query_less_base_and_router(order):
    curve = on_cloud(TEST, replace(COSTLY, order=order))
    spared = COSTLY.base_time_ms + COSTLY.router_time_ms
    assert COSTLY.router_time_ms > 0
    all_queried = at_one_coverage(COSTLY, 0.0)
    assert costs_of(curve) == pytest.approx(
        {
            **all_queried,
            "latency_ms": all_queried["latency_ms"] - spared,
            "energy_mj": all_queried["energy_mj"]
            - COSTLY.device.compute_energy_mj(spared),
        }
    )
    assert all_queried["energy_mj"] > COSTLY.device.sensing_energy_mj
    assert curve.coverage == [0]


def test_a_lost_query_is_wrong_in_the_cloud_and_the_bases_in_a_hybrid():
    lost = COSTLY.chance_lost
    assert lost > 0.005
    right = np.average(TEST.global_utility, weights=TEST.sample_weight)
    base = np.average(TEST.base_utility, weights=TEST.sample_weight)
    assert on_cloud(TEST, COSTLY).accuracy == pytest.approx([(1 - lost) * right])
    everything_sent = hybrid(coverages=[0])
    expected = (1 - lost) * right + lost * base
    assert everything_sent.accuracy == pytest.approx([expected])


def test_routed_at_full_coverage_is_on_device_and_a_router():
    routed_, alone = hybrid(coverages=[1.0]), on_device(TEST, COSTLY)
    assert routed_.coverage == [1]
    assert routed_.accuracy == alone.accuracy
    np.testing.assert_array_equal(routed_.utility, alone.utility)
    router = COSTLY.router_time_ms
    found, expected = costs_of(routed_), costs_of(alone)
    assert found["latency_ms"] == pytest.approx(expected["latency_ms"] + router)
    assert found["energy_mj"] == pytest.approx(
        expected["energy_mj"] + COSTLY.device.compute_energy_mj(router)
    )
    assert (found["bytes"], found["price"]) == (0, 0)


def test_a_split_before_the_first_layer_is_on_cloud():
    # Nothing runs on the device, and the input is sent.
    split = replace(SURE, base_ms=0, router_macs=0)
    sent, cloud = hybrid(split, coverages=[0]), on_cloud(TEST, SURE)
    assert costs_of(sent) == pytest.approx(costs_of(cloud))
    assert sent.accuracy == cloud.accuracy
    assert sent.coverage == cloud.coverage


@pytest.mark.parametrize("deployment", [SURE, COSTLY], ids=["sure", "lossy"])
def test_accuracy_coverage_and_costs_are_counted_row_by_row(deployment):
    curve = hybrid(deployment)
    lost = deployment.chance_lost
    for number, threshold in enumerate(curve.threshold):
        for rows, accuracy, costs, coverage in (
            (TEST, curve.accuracy, curve.costs, curve.coverage),
            (OTHER, curve.calibration_accuracy, curve.calibration_costs, None),
        ):
            right = kept = total = 0.0
            for row, score in enumerate(doubt(rows)):
                weight = rows.sample_weight[row]
                base, query = rows.base_utility[row], rows.global_utility[row]
                stays = score <= threshold
                right += weight * (base if stays else (1 - lost) * query + lost * base)
                kept += weight * stays
                total += weight
            assert accuracy[number] == pytest.approx(right / total)
            if coverage is not None:
                assert coverage[number] == pytest.approx(kept / total)
            for name in COSTS:
                expected = getattr(deployment, name)(kept / total)
                assert costs[name][number] == pytest.approx(expected)
    np.testing.assert_allclose(
        np.average(curve.utility, axis=1, weights=TEST.sample_weight), curve.accuracy
    )


def test_thresholds_come_from_the_calibration_rows_alone():
    one = hybrid(SURE)
    shifted = routed(
        TEST, doubt(TEST) + 0.2, SURE, coverages=GRID,
        calibration=OTHER, calibration_score=doubt(OTHER),
    )  # fmt: skip
    np.testing.assert_array_equal(one.threshold, shifted.threshold)
    # Rows harder than the calibration rows are queried more often than asked.
    assert (shifted.coverage < one.coverage)[1:-1].all()
    calibrated = [
        np.average(doubt(OTHER) <= t, weights=OTHER.sample_weight)
        for t in one.threshold
    ]
    assert (np.array(calibrated) >= GRID - 1e-9).all()
    np.testing.assert_allclose(calibrated, GRID, atol=0.03)
    np.testing.assert_allclose(one.coverage, GRID, atol=0.12)


def test_a_constant_score_stays_whole_with_the_base():
    curve = routed(
        TEST, np.zeros(400), SURE, coverages=[0, 0.3, 1],
        calibration=OTHER, calibration_score=np.zeros(400),
    )  # fmt: skip
    assert curve.coverage.tolist() == [0, 1, 1]


def test_calibration_rows_of_one_sided_systems_are_kept_for_the_choice():
    for system, utility in (
        (on_device(TEST, SURE, calibration=OTHER), OTHER.base_utility),
        (on_cloud(TEST, SURE, calibration=OTHER), OTHER.global_utility),
    ):
        mean = np.average(utility, weights=OTHER.sample_weight)
        assert system.calibration_accuracy == pytest.approx([mean])
        assert system.calibration_costs == system.costs


ALONE = Outcomes(base_utility=[1, 0])
EMPTY = Outcomes(base_utility=np.zeros(0))


@pytest.mark.parametrize(
    ("system", "message"),
    [
        (lambda: on_cloud(ALONE, SURE), "on_cloud needs outcomes with a global"),
        (
            lambda: on_cloud(TEST, SURE, calibration=ALONE),
            "on_cloud needs outcomes with a global",
        ),
        (
            lambda: on_cloud(
                TEST,
                Deployment(
                    device=STM32F746, base_ms=1, global_ms=2, order="same_device"
                ),
            ),
            "on_cloud needs a deployment with a link.*use on_device",
        ),
        (lambda: on_device(EMPTY, SURE), "at least one row of weight above 0. Got 0"),
        (lambda: hybrid(calibration=TEST), "calibration must be other rows"),
        (lambda: hybrid(calibration=ALONE), "routed needs outcomes with a global"),
        (
            lambda: hybrid(calibration_score=[1, 2]),
            r"calibration_score must be one number for each of the 400 rows.*\(2,\)",
        ),
        (
            lambda: hybrid(calibration_score=np.full(400, np.nan)),
            "calibration_score holds NaN, first in row 0",
        ),
        (
            lambda: routed(
                TEST, TEST.base_proba, SURE, calibration=OTHER, calibration_score=0
            ),
            "^score must be one number for each of the 400 rows",
        ),
        (lambda: hybrid(coverages=[0.5, 50]), "coverages must be shares that the base"),
    ],
)
def test_rows_that_do_not_serve_are_refused(system, message):
    with pytest.raises(ValueError, match=message):
        system()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"accuracy": []}, "accuracy must be one number for each operating point"),
        ({"accuracy": [0.5, 1.5]}, r"accuracy of 'a' must be in \[0, 1\].*0.5 to 1.5"),
        ({"accuracy": [0.5, np.nan]}, r"accuracy of 'a' must be in \[0, 1\]"),
        ({"coverage": [1]}, r"coverage of 'a' must be one number.* 2 .*\(1,\)"),
        ({"costs": {"price": [1, np.inf]}}, r"costs\['price'\] of 'a' must be finite"),
        ({"costs": {"price": [1, -1]}}, r"costs\['price'\] of 'a' must be finite"),
        ({"calibration_accuracy": [0.5, 0.6]}, "belong together"),
        (
            {
                "calibration_accuracy": [0.5, 0.6],
                "calibration_costs": {"bytes": [1, 2]},
            },
            "calibration_costs of 'a' must be those of costs, price. Got bytes",
        ),
        ({"threshold": [1]}, "threshold of 'a' must be one number"),
        ({"utility": [[1, 0]]}, r"utility of 'a' must be of shape \(n_points=2"),
        (
            {"utility": [[1, 0], [1, 1]], "sample_weight": [1]},
            "sample_weight must be one finite number >= 0 for each of the 2 rows",
        ),
    ],
)
def test_figures_that_make_no_curve_are_named(changes, message):
    figures = {
        "name": "a",
        "accuracy": [0.5, 0.6],
        "coverage": [1, 0],
        "costs": {"price": [1, 2]},
    }
    assert SystemCurve(**figures).n_points == 2
    with pytest.raises(ValueError, match=message):
        SystemCurve(**{**figures, **changes})
