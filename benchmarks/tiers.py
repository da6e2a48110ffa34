"""Chains of ImageNet models within one cost budget: joint thresholds and other methods.

Costs are billions of multiply-accumulates per input, as published. In the first chain
resnet50 is hardly better than mobilenetV2, and squeezenet1_1 is worse at a higher cost;
in the second every model is better than the one before. Everything is chosen on one
part of the rows and evaluated on another; gains of the joint chain, and of the policy
that may skip models, have paired 95 % intervals over those rows. If a method spends
more or less than the joint chain, the difference is charged at the accuracy that the
joint chain gains per unit of cost there.
"""

import itertools

import numpy as np
from _harness import Benchmark, print_table

from selective_query import CascadePolicy, ChainOutcomes, Outcomes
from selective_query.budgets import MaxTierCost
from selective_query.datasets import load_dataset
from selective_query.exceptions import BudgetInfeasibleError
from selective_query.routers import BenefitRouter
from selective_query.tiers import CascadeRoutingPolicy, worthwhile_tiers

CHAINS = {
    "of Keras": {
        "pytorch/squeezenet1_1": 0.35,
        "keras/mobilenetV2": 0.30,
        "keras/resnet50": 4.1,
        "keras/nasnetlarge": 23.8,
    },
    "of resnets": {
        "keras/mobilenetV2": 0.30,
        "pytorch/resnet50": 4.1,
        "pytorch/resnet152": 11.5,
        "keras/nasnetlarge": 23.8,
    },
}
BUDGETS = 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 13.0, 16.0, 20.0
SHOWN = 2.0, 6.0, 10.0, 16.0
N_FIT = 6000
ROUTER = "max_probability"


def read_chain(models):
    data = load_dataset("imagenet_val_top5")
    tiers = []
    for name in models:
        both = data.outcomes(name, name)
        tiers.append(Outcomes(base_proba=both.base_proba, y=both.y))
    chain = ChainOutcomes(tiers, list(models.values()), list(models))
    order = np.random.default_rng(0).permutation(chain.n_rows)
    return chain.take(np.sort(order[:N_FIT])), chain.take(np.sort(order[N_FIT:]))


def joint(fit, test, maximum, numbers):
    policy = CascadePolicy(ROUTER, MaxTierCost(maximum)).fit(fit.choose(numbers))
    chosen = test.choose(numbers)
    tier = policy.decide(chosen)
    return chosen.utility(tier), chosen.spent(tier)


def mixed(fit, test, maximum, numbers):
    """After each answer stop, or query any later model, by learned gains and prices."""
    policy = CascadeRoutingPolicy(budget=MaxTierCost(maximum)).fit(fit.choose(numbers))
    chosen = test.choose(numbers)
    asked = policy.asked(chosen)
    return chosen.utility(policy.decide(chosen)), asked @ chosen.costs


def greedy(fit, test, maximum, numbers):
    """Every tier keeps the same share, the smallest that can be afforded."""
    chosen = fit.choose(numbers)
    low, high = 0.0, 1.0
    for _ in range(25):
        share = (low + high) / 2
        policy = CascadePolicy(ROUTER, [share] * (len(numbers) - 1)).fit(chosen)
        cost = policy.operating_point_.cost
        low, high = (share, high) if cost > maximum else (low, share)
    policy = policy.at([high] * (len(numbers) - 1))
    chosen = test.choose(numbers)
    tier = policy.decide(chosen)
    return chosen.utility(tier), chosen.spent(tier)


def grid(fit, test, maximum, numbers):
    """FrugalGPT's search: the best affordable thresholds of all tiers on a grid."""
    scores = [1 - tier.base_proba.proba[:, 0] for tier in fit.choose(numbers).tiers]
    levels = [np.quantile(s, np.linspace(0, 1, 21)) for s in scores[:-1]]
    fit, test = fit.choose(numbers), test.choose(numbers)
    best, cut = -1.0, None
    for thresholds in itertools.product(*levels):
        stop = _stops(scores, thresholds)
        if fit.spent(stop).mean() <= maximum:
            utility = fit.utility(stop).mean()
            if utility > best:
                best, cut = utility, thresholds
    if cut is None:
        raise BudgetInfeasibleError("no cut", None, np.nan)
    scores = [1 - tier.base_proba.proba[:, 0] for tier in test.tiers]
    stop = _stops(scores, cut)
    return test.utility(stop), test.spent(stop)


def _stops(scores, thresholds):
    passed = [s > t for s, t in zip(scores[:-1], thresholds, strict=True)]
    return np.logical_and.accumulate(passed).sum(axis=0)


def cascade_routing(fit, test, maximum, numbers):
    """Dekoninck et al.'s formula: after each answer stop, or query any later model.

    It takes the action with the largest expected grade minus price times cost, both
    estimated from the current answer; the price spends the budget on the fit rows.
    """
    fit, test = fit.choose(numbers), test.choose(numbers)
    last = len(numbers) - 1
    estimates = {True: {}, False: {}}
    for j in range(last):
        for m in range(j, last + 1):
            known = fit.tiers[j]
            router = BenefitRouter()
            rows = Outcomes(
                base_proba=known.base_proba,
                base_utility=np.zeros(fit.n_rows),
                global_utility=fit.tiers[m].base_utility,
            )
            estimates[True][j, m] = router.fit_score(rows)
            estimates[False][j, m] = router.query_score(test.tiers[j].evidence)

    def walk(chain, grades, price):
        here = np.zeros(chain.n_rows, dtype=int)
        spent = np.full(chain.n_rows, chain.costs[0])
        for j in range(last):
            rows = here == j
            worth = [grades[j, j]] + [
                grades[j, m] - price * chain.costs[m] for m in range(j + 1, last + 1)
            ]
            goal = j + np.argmax(worth, axis=0)
            moved = rows & (goal > j)
            spent[moved] += chain.costs[goal[moved]]
            # A row may skip the models between the current and a later one.
            here = np.where(moved, goal, here)
            stays = rows & (goal == j)
            here[stays] = -1 - j
        return np.where(here < 0, -1 - here, here), spent

    low, high = 0.0, 1.0
    for _ in range(40):
        price = (low + high) / 2
        cost = walk(fit, estimates[True], price)[1].mean()
        low, high = (low, price) if cost <= maximum else (price, high)
    stop, spent = walk(test, estimates[False], high)
    return test.utility(stop), spent


def mixture(fit, test, maximum):
    """Choose models at random, along the hull of single models, as the cost allows."""
    costs, means = fit.costs, fit.utilities.mean(axis=0)
    best = None
    for i, j in itertools.product(range(4), repeat=2):
        if costs[i] <= maximum < costs[j]:
            share = (maximum - costs[i]) / (costs[j] - costs[i])
            value = (1 - share) * means[i] + share * means[j]
            if best is None or value > best[0]:
                best = value, i, j, share
    _, i, j, share = best
    utility = (1 - share) * test.utilities[:, i] + share * test.utilities[:, j]
    return utility, np.full(test.n_rows, maximum)


def oracle(test, maximum):
    """The best affordable choice of one model per row, with full knowledge."""
    costs = test.costs
    low, high = 0.0, 1.0
    for _ in range(50):
        price = (low + high) / 2
        pick = np.argmax(test.utilities - price * costs, axis=1)
        low, high = (low, price) if costs[pick].mean() <= maximum else (price, high)
    pick = np.argmax(test.utilities - high * costs, axis=1)
    return test.utilities[np.arange(test.n_rows), pick], costs[pick]


def ways(fit, test, maximum):
    everyone = 0, 1, 2, 3
    best = worthwhile_tiers(fit, MaxTierCost(maximum), router=ROUTER)
    yield "joint", joint(fit, test, maximum, best), best
    yield "mixed", mixed(fit, test, maximum, best), best
    yield "mixed, all four", mixed(fit, test, maximum, everyone), everyone
    yield "joint, all four", joint(fit, test, maximum, everyone), everyone
    yield "greedy, all four", greedy(fit, test, maximum, everyone), everyone
    yield "greedy", greedy(fit, test, maximum, best), best
    yield "grid", grid(fit, test, maximum, best), best
    yield "cascade routing", cascade_routing(fit, test, maximum, best), best
    for pair in itertools.combinations(range(4), 2):
        try:
            yield f"pair {pair}", joint(fit, test, maximum, pair), pair
        except BudgetInfeasibleError:
            continue
    yield "mixture of singles", mixture(fit, test, maximum), ()
    yield "oracle", oracle(test, maximum), ()


def slope(found):
    """Return the accuracy per unit of cost between budgets of the joint chain."""
    points = [(spent.mean(), utility.mean()) for utility, spent in found]
    return np.gradient([u for _, u in points], [c for c, _ in points])


def judge(chain, fit, test, budgets):
    results = {b: list(ways(fit, test, b)) for b in budgets}
    slopes = slope([results[b][0][1] for b in budgets])
    rows = []
    for budget, price in zip(budgets, slopes, strict=True):
        ours = {name: found for name, found, _ in results[budget][:2]}
        for name, found, numbers in results[budget]:
            row = {
                "chain": chain,
                "budget": budget,
                "way": name,
                "tiers": "-".join(map(str, numbers)),
                "accuracy": float(found[0].mean()),
                "cost": float(found[1].mean()),
            }
            row |= lead("joint_gain", "", ours["joint"], found, price)
            rows.append(row | lead("mixed_gain", "mixed_", ours["mixed"], found, price))
    return rows


def lead(name, prefix, ours, theirs, price):
    """Return mean and interval of a gain, charging differences in cost at the price."""
    gain = (ours[0] - price * ours[1]) - (theirs[0] - price * theirs[1])
    half = 1.96 * gain.std(ddof=1) / np.sqrt(len(gain))
    mean = float(gain.mean())
    return {name: mean, f"{prefix}low": mean - half, f"{prefix}high": mean + half}


def shown(rows):
    """Return rows for the documentation: some budgets, and only the best pair."""
    kept = []
    for row in rows:
        rivals = [
            other
            for other in rows
            if (other["chain"], other["budget"]) == (row["chain"], row["budget"])
            and other["way"].startswith("pair")
        ]
        if row["budget"] not in SHOWN:
            continue
        if row["way"].startswith("pair"):
            if row is not min(rivals, key=lambda one: one["joint_gain"]):
                continue
            row = {**row, "way": "best pair on these rows"}
        kept.append(row)
    return kept


def main():
    benchmark = Benchmark("tiers", __doc__)
    args = benchmark.parse()
    budgets = BUDGETS[1::4] if args.quick else BUDGETS
    rows = []
    for chain, models in CHAINS.items():
        rows += judge(chain, *read_chain(models), budgets)
    for row in rows:
        key = {name: row[name] for name in ("chain", "budget", "way")}
        benchmark.row(key, lambda r=row: {**r, "seconds": 0.0})
    benchmark.summarise(shown(rows))
    numbers = dict.fromkeys(("accuracy", "cost", "joint_gain", "low", "high"), ".4f")
    print_table(rows, {"chain": "", "budget": "g", "way": "", "tiers": "", **numbers})


if __name__ == "__main__":
    main()
