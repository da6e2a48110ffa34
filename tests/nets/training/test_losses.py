import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn.functional import cross_entropy

from selective_query.nets.training import list_losses, make_loss
from selective_query.nets.training._batch import NetOutput, Target
from selective_query.nets.training.losses import (
    CrossEntropy,
    DeepGamblers,
    DeepSupervision,
    DeferralCrossEntropy,
    DeferralOneVsAll,
    DeferralRealizable,
    Distillation,
    Gatekeeper,
    HybridLoss,
    OneSidedPrediction,
    SelectiveNet,
    SelectiveQuery,
    SelfAdaptive,
)

N, K = 40, 4
EACH = pytest.mark.parametrize("name", list_losses())


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator, requires_grad=True)

    output = NetOutput(normal(N, K), normal(N), normal(N, K))
    output = output._replace(exits=[output.second, output.logits])
    target = Target(
        torch.randint(K, (N,), generator=generator),
        torch.ones(N),
        torch.arange(N),
        (2 * normal(N, K)).detach().softmax(1),
    )
    return output, target


def started(name):
    loss = make_loss(name, coverage=0.7)
    loss.start(N, K, "cpu")
    return loss


def numbers(output, target):
    p = output.logits.softmax(1).detach().numpy()
    both = torch.cat([output.logits, output.head[:, None]], 1).softmax(1)
    right = (target.global_proba.argmax(1) == target.label).numpy()
    label = target.label.numpy()
    rows = np.arange(N)
    return p, both.detach().numpy(), right, label, rows


@EACH
def test_each_row_is_charged_and_a_step_down_the_slope_lowers_the_loss(name):
    output, target = batch()
    loss = started(name)
    charged = loss(output, target)
    assert charged.shape == (N,)
    parts = output[:3]
    slopes = torch.autograd.grad(charged.mean(), parts, allow_unused=True)
    logits, head, second = (
        part if slope is None else part - 0.05 * slope
        for part, slope in zip(parts, slopes, strict=True)
    )
    moved = NetOutput(logits, head, second, exits=[second, logits])
    assert started(name)(moved, target).mean() < charged.mean()


@EACH
def test_rows_are_ranked_by_a_number_each(name):
    output, _ = batch()
    score = started(name).query_score(output)
    assert score.shape == (N,)
    assert score.isfinite().all()


@EACH
def test_order_of_the_rows_does_not_matter(name):
    output, target = batch()
    order = torch.randperm(N, generator=torch.Generator().manual_seed(1))
    logits, head, second = (part[order] for part in output[:3])
    shuffled = NetOutput(logits, head, second, [second, logits]), target.pick(order)
    torch.testing.assert_close(
        started(name)(*shuffled), started(name)(output, target)[order]
    )


@EACH
def test_a_head_is_used_where_one_is_asked_for(name):
    output, target = batch()
    loss = started(name)
    slope = torch.autograd.grad(
        loss(output, target).sum(), output.head, allow_unused=True
    )[0]
    assert (slope is not None) == loss.has_head


def test_plain_losses_are_their_formulas():
    output, target = batch()
    p, _, _, label, rows = numbers(output, target)
    own = -np.log(p[rows, label])
    found = CrossEntropy()(output, target).detach()
    np.testing.assert_allclose(found, own, rtol=1e-5)

    g = target.global_proba.numpy()
    far = (g * np.log(g / p)).sum(1)
    found = Distillation(temperature=1.0, share=0.3)(output, target).detach()
    np.testing.assert_allclose(found, 0.7 * own + 0.3 * far, rtol=1e-4, atol=1e-6)

    doubt = (p * np.log(p * K)).sum(1)
    right = p.argmax(1) == label
    found = Gatekeeper(share=0.2)(output, target).detach()
    np.testing.assert_allclose(
        found, np.where(right, 0.2 * own, 0.8 * doubt), rtol=1e-4, atol=1e-6
    )

    claim = 1 / (1 + np.exp(-output.logits.detach().numpy()))
    false = -np.log(1 - claim)
    false[rows, label] = 0
    found = OneSidedPrediction(price=3.0)(output, target).detach()
    expected = -np.log(claim[rows, label]) + 3 * false.sum(1)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_deferral_losses_are_their_formulas():
    output, target = batch()
    p, both, right, label, rows = numbers(output, target)
    found = DeferralCrossEntropy(share=0.5)(output, target).detach()
    own = np.where(right, 0.5, 1.0) * np.log(both[rows, label])
    expected = -own - right * np.log(both[:, -1])
    np.testing.assert_allclose(found, expected, rtol=1e-4)

    mixture = -np.log(both[rows, label] + right * both[:, -1])
    found = DeferralRealizable(share=0.4)(output, target).detach()
    expected = 0.4 * mixture - 0.6 * np.log(p[rows, label])
    np.testing.assert_allclose(found, expected, rtol=1e-4)

    def phi(t):
        return np.log1p(np.exp(-t))

    z, head = output.logits.detach().numpy(), output.head.detach().numpy()
    classes = phi(-z).sum(1) - phi(-z[rows, label]) + phi(z[rows, label])
    defer = phi(-head) + right * (phi(head) - phi(-head))
    found = DeferralOneVsAll()(output, target).detach()
    np.testing.assert_allclose(found, classes + defer, rtol=1e-4)


def test_abstention_losses_are_their_formulas():
    output, target = batch()
    _, both, _, label, rows = numbers(output, target)
    found = DeepGamblers(payoff=2.0)(output, target).detach()
    expected = -np.log(both[rows, label] + both[:, -1] / 2)
    np.testing.assert_allclose(found, expected, rtol=1e-4)

    selected = 1 / (1 + np.exp(-output.head.detach().numpy()))
    own = cross_entropy(output.logits, target.label, reduction="none").detach().numpy()
    second = cross_entropy(output.second, target.label).item()
    found = SelectiveNet(0.9, penalty=10, share=0.25)(output, target).mean().item()
    risk = (own * selected).sum() / selected.sum()
    expected = 0.25 * (risk + 10 * max(0, 0.9 - selected.mean()) ** 2) + 0.75 * second
    assert found == pytest.approx(expected, rel=1e-4)


def test_deep_gamblers_bets_at_odds_that_suit_the_classes():
    output, target = batch()
    torch.testing.assert_close(
        DeepGamblers()(output, target), DeepGamblers(payoff=2.2)(output, target)
    )
    two = output._replace(logits=output.logits[:, :2])
    halves = target._replace(label=target.label % 2)
    torch.testing.assert_close(
        DeepGamblers()(two, halves), DeepGamblers(payoff=1.5)(two, halves)
    )


@pytest.mark.parametrize("payoff", [1, 2.2, "high"])
def test_odds_at_which_nothing_is_learned_are_refused(payoff):
    DeepGamblers().check(2, 6)
    with pytest.raises(ValueError, match="at most the 2 classes.* Leave it None for 1"):
        DeepGamblers(payoff).check(2, 6)


def test_self_adaptive_targets_follow_the_net():
    output, target = batch()
    p, both, _, label, rows = numbers(output, target)
    loss = SelfAdaptive(momentum=0.8)
    loss.start(N, K, "cpu")
    trust = np.ones(N)
    for _ in range(3):
        found = loss(output, target).detach()
        loss.step(output, target)
        trust = 0.8 * trust + 0.2 * p[rows, label]
        expected = -trust * np.log(both[rows, label]) - (1 - trust) * np.log(
            both[:, -1]
        )
        np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_the_papers_weights_are_two_to_one_and_have_mean_one():
    output, target = batch()
    plain = SelectiveQuery(0.7, weighted=False)
    weighted = SelectiveQuery(0.7)
    for loss in (plain, weighted):
        loss.start(N, K, "cpu")
    own = cross_entropy(output.logits, target.label, reduction="none")
    factor = (weighted(output, target) - plain(output, target)) / own + 1
    kept, queried = factor[output.head <= 0], factor[output.head > 0]
    torch.testing.assert_close(kept, kept[0].expand_as(kept))
    assert (kept[0] / queried[0]).item() == pytest.approx(2, rel=1e-3)
    assert factor.mean().item() == pytest.approx(1, rel=1e-4)


@EACH
def test_a_call_changes_nothing_that_the_next_one_reads(name):
    output, target = batch()
    loss = started(name)
    first = loss(output, target)
    torch.testing.assert_close(loss(output, target), first, rtol=0, atol=0)
    loss.step(output, target)
    is_stepped = name in ("selective_query", "self_adaptive")
    assert torch.equal(loss(output, target), first) != is_stepped


def test_the_multiplier_rises_while_too_many_are_queried_and_falls_else():
    output, target = batch()
    loss = SelectiveQuery(coverage=0.9, dual_learning_rate=0.5)
    loss.start(N, K, "cpu")
    loss.step(output, target)
    rate = (output.head > 0).float().mean().item()
    assert loss._price.value == pytest.approx(0.5 * (rate - 0.1))
    few = output._replace(head=output.head - 100)
    for _ in range(50):
        loss.step(few, target)
    assert loss._price.value == 0


def test_scaffolded_distillation_leaves_queried_rows_to_their_labels():
    output, target = batch()
    scaffolded = SelectiveQuery(0.7, weighted=False, distillation=1.0, scaffolded=True)
    labels = SelectiveQuery(0.7, weighted=False)
    for loss in (scaffolded, labels):
        loss.start(N, K, "cpu")
    same = torch.isclose(scaffolded(output, target), labels(output, target))
    assert (same == (output.head > 0)).all()


def test_without_a_global_a_query_counts_as_right():
    output, target = batch()
    alone = target._replace(global_proba=None)
    loss = started("deferral_lce")
    expected = loss(output, target._replace(
        global_proba=torch.nn.functional.one_hot(target.label, K).float()))  # fmt: skip
    torch.testing.assert_close(loss(output, alone), expected)


def test_names_and_losses_are_told_apart():
    assert isinstance(make_loss("selective_net", 0.6), SelectiveNet)
    assert make_loss("selective_net", 0.6).coverage == 0.6
    assert make_loss(SelectiveNet(0.5), 0.6).coverage == 0.5
    with pytest.raises(ValueError, match="loss='kd' is not known. Choose one of"):
        make_loss("kd")
    with pytest.raises(TypeError, match="or a HybridLoss"):
        make_loss(3)
    with pytest.raises(NotImplementedError):
        HybridLoss()(None, None)


def test_deep_supervision_is_the_weighted_mean_over_exits():
    output, target = batch()
    first, last = (
        cross_entropy(z, target.label, reduction="none") for z in output.exits
    )
    found = DeepSupervision([1.0, 3.0])(output, target)
    torch.testing.assert_close(found, (first + 3 * last) / 4)
    torch.testing.assert_close(DeepSupervision()(output, target), (first + last) / 2)


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1]])
def test_deep_supervision_refuses_weights_that_train_nothing(weights):
    with pytest.raises(ValueError, match="weights must be numbers >= 0, one of them"):
        DeepSupervision(weights).check(K, 3)


def test_deep_supervision_needs_a_weight_for_each_exit():
    output, target = batch()
    with pytest.raises(ValueError, match="one entry for each of the 1 exits. Got 2"):
        DeepSupervision([1, 1])(output._replace(exits=[output.logits]), target)
