import numpy as np
import pytest

from selective_query import Outcomes
from selective_query.costs import CLOUD, STM32F746, WIFI, Deployment
from selective_query.planning import early_exit, on_device

DEVICE = STM32F746.with_(sensing_energy_mj=2.0)
MACS = np.array([1e6, 3e6, 8e6])


def exits(n, seed):
    """Return three exits over four classes, later ones better, and labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    noise = rng.normal(size=(3, n, 4))
    logits = 2 * np.eye(4)[y] * np.array([0.5, 1, 2])[:, None, None] + noise
    proba = np.exp(logits)
    return proba / proba.sum(axis=-1, keepdims=True), y


PROBA, Y = exits(200, 0)
OTHER_PROBA, OTHER_Y = exits(150, 1)
OTHER = {"calibration_proba": OTHER_PROBA, "calibration_y": OTHER_Y}


def run_on(proba, y, threshold, macs, weight):
    """Run one input after the other through the exits, as the device would."""
    right, spent = [], []
    for row, label in enumerate(y):
        for number in range(3):
            p = proba[number, row]
            if -(p * np.log(p)).sum() <= threshold or number == 2:
                break
        right.append(float(p.argmax() == label))
        spent.append(macs[number])
    return right, np.average(spent, weights=weight)


@pytest.mark.parametrize("router_macs", [0, 10_000])
def test_every_row_runs_until_it_is_sure_enough(router_macs):
    weight = np.arange(200) % 3
    net = early_exit(
        PROBA, Y, DEVICE, **OTHER, exit_macs=MACS, router_macs=router_macs,
        n_points=9, sample_weight=weight,
    )  # fmt: skip
    # The last exit makes no decision.
    macs = MACS + router_macs * np.array([1, 2, 2])
    for number, threshold in enumerate(net.threshold):
        right, spent = run_on(PROBA, Y, threshold, macs, weight)
        ms = DEVICE.latency_ms(spent)
        np.testing.assert_array_equal(net.utility[number], right)
        assert net.accuracy[number] == pytest.approx(np.average(right, weights=weight))
        assert net.costs["latency_ms"][number] == pytest.approx(ms)
        energy = 2.0 + DEVICE.compute_energy_mj(ms)
        assert net.costs["energy_mj"][number] == pytest.approx(energy)
        right, spent = run_on(OTHER_PROBA, OTHER_Y, threshold, macs, None)
        assert net.calibration_accuracy[number] == pytest.approx(np.mean(right))
        ms = DEVICE.latency_ms(spent)
        assert net.calibration_costs["latency_ms"][number] == pytest.approx(ms)
    assert (net.coverage == 1).all()
    assert not net.costs["bytes"].any()
    assert not net.costs["price"].any()


def test_the_sweep_goes_from_the_whole_net_to_the_first_exit():
    net = early_exit(PROBA, Y, DEVICE, **OTHER, exit_ms=[10, 20, 50], n_points=7)
    assert net.n_points == 7
    assert (np.diff(net.threshold) > 0).all()
    assert (np.diff(net.costs["latency_ms"]) < 0).all()
    assert net.costs["latency_ms"][[0, -1]].tolist() == [50, 10]
    for end, number in ((0, 2), (-1, 0)):
        right = (PROBA[number].argmax(axis=1) == Y).mean()
        assert net.accuracy[end] == pytest.approx(right)
    seen = np.isin(net.threshold[1:-1], _entropies(OTHER_PROBA[:2]))
    assert seen.all(), "thresholds are entropies of the calibration rows"


def _entropies(proba):
    from selective_query.outcomes.probabilities import entropy

    return np.concatenate([entropy(of_exit) for of_exit in proba])


def test_a_net_of_one_exit_is_the_base_on_the_device():
    net = early_exit(
        PROBA[:1], Y, DEVICE, calibration_proba=OTHER_PROBA[:1],
        calibration_y=OTHER_Y, exit_macs=[4_000_000], router_macs=10_000,
    )  # fmt: skip
    deployment = Deployment(
        device=DEVICE,
        base_macs=4_000_000,
        link=WIFI,
        cloud=CLOUD,
        router_macs=10_000,
        payload_bytes=0,
    )
    alone = on_device(Outcomes(base_proba=PROBA[0], y=Y), deployment)
    assert net.n_points == 1
    assert net.accuracy == alone.accuracy
    for name in ("latency_ms", "energy_mj", "bytes", "price"):
        assert net.costs[name] == pytest.approx(alone.costs[name])


def test_it_answers_as_the_net_does():
    torch = pytest.importorskip("torch")
    from torch import nn

    from selective_query.nets import EarlyExitNet

    torch.manual_seed(0)
    parts = [nn.Conv2d(2, 4, 3, 2, 1), nn.Conv2d(4, 8, 3, 2, 1), nn.Conv2d(8, 8, 3)]
    net = EarlyExitNet(parts, widths=[4, 8, 8], n_classes=3).double().eval()
    x = 5 * torch.randn(60, 2, 12, 12).double()
    with torch.no_grad():
        proba = np.array([logits.softmax(1) for logits in net.forward_exits(x)])
        y = proba[-1].argmax(axis=1)
        curve = early_exit(
            proba[:, 30:], y[30:], DEVICE, calibration_proba=proba[:, :30],
            calibration_y=y[:30], exit_ms=[1, 2, 3], n_points=5,
        )  # fmt: skip
        for number, threshold in enumerate(curve.threshold):
            logits, taken = net.entropy_exit(x[30:], [threshold, threshold])
            right = logits.argmax(1).numpy() == y[30:]
            np.testing.assert_array_equal(curve.utility[number], right)
            mean_ms = 1 + float(taken.double().mean())
            assert curve.costs["latency_ms"][number] == pytest.approx(mean_ms)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"exit_ms": None}, "Give one of exit_macs and exit_ms. Got neither"),
        ({"exit_macs": MACS}, "Give one of exit_macs and exit_ms. Got both"),
        ({"exit_ms": [1, 2]}, "exit_ms must be one number >= 0 for each of the 3"),
        ({"exit_ms": [3, 2, 4]}, "rising: all that is spent"),
        ({"exit_ms": [np.nan, 2, 4]}, "rising: all that is spent"),
        ({"exit_ms": None, "exit_macs": [-1, 2, 4]}, "exit_macs must be one number"),
        ({"n_points": 1}, "n_points must be a whole number >= 2. Got 1"),
        ({"calibration_proba": PROBA}, "calibration_proba must be of other rows"),
        ({"calibration_proba": OTHER_PROBA[:2]}, "of the same exits. Got 3 and 2"),
        ({"calibration_proba": []}, "calibration_proba must be of shape"),
        (
            {"calibration_proba": [OTHER_PROBA[0], OTHER_PROBA[1][:5]]},
            "calibration_proba must be an array of numbers.*inhomogeneous",
        ),
        ({"calibration_proba": 2 * OTHER_PROBA}, "must sum to 1"),
        (
            {"calibration_y": OTHER_Y + 1},
            "calibration_y must be the number of a",
        ),
    ],
)
def test_exits_that_do_not_belong_together_are_named(changes, message):
    arguments = {**OTHER, "exit_ms": [1, 2, 3], **changes}
    with pytest.raises(ValueError, match=message):
        early_exit(PROBA, Y, DEVICE, **arguments)
