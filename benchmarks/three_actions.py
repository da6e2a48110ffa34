"""Answer, query or abstain: a chain of two compared with a hybrid that drops answers.

The hybrid drops its answers of lowest probability. Both rates and all thresholds are
set on rows other than the reported ones. Differences of the accuracy on answered rows
have 95 % intervals over the reported rows.
"""

import numpy as np
from _harness import Benchmark, print_table
from _recipes import make_outcomes

from selective_query import CascadePolicy, ChainOutcomes, Outcomes, RoutingPolicy
from selective_query.outcomes.probabilities import top_probability

DATASETS = "imagenet_mobilenetv2", "imagenet_resnet18", "letter", "digits", "covertype"
QUERY_RATES = 0.1, 0.3
ABSTENTION_RATES = 0.05, 0.1, 0.2
ROUTERS = "max_probability", "benefit"


def as_chain(outcomes):
    parts = {"y": outcomes.y, "classes": outcomes.classes}
    base = Outcomes(
        base_proba=outcomes.base_proba, base_features=outcomes.base_features, **parts
    )
    return ChainOutcomes([base, Outcomes(base_proba=outcomes.global_proba, **parts)])


def chain_of_three_actions(fit, test, router, query_rate, rate):
    policy = CascadePolicy(router, 1 - query_rate, abstain=rate, random_state=0)
    policy.fit(as_chain(fit))
    chain = as_chain(test)
    last = policy.rule_.last_asked(chain)
    return chain.utility(last), policy.decide(chain) >= 0, last == 1


def hybrid_then_confidence(fit, test, router, query_rate, rate):
    policy = RoutingPolicy(router, 1 - query_rate, random_state=0).fit(fit)

    def confidence(rows):
        queried = ~policy.decide(rows.evidence)
        sides = top_probability(rows.base_proba), top_probability(rows.global_proba)
        return queried, np.where(queried, sides[1], sides[0])

    cut = np.quantile(confidence(fit)[1], rate)
    queried, sure = confidence(test)
    right = np.where(queried, test.global_utility, test.base_utility)
    return right, sure > cut, queried


def accuracy_and_influence(right, answered):
    accuracy = right[answered].mean()
    return accuracy, answered * (right - accuracy) / answered.mean()


def compare(fit, test, router, query_rate, rate):
    ours = chain_of_three_actions(fit, test, router, query_rate, rate)
    theirs = hybrid_then_confidence(fit, test, router, query_rate, rate)
    found = [accuracy_and_influence(*way[:2]) for way in (ours, theirs)]
    influence = found[0][1] - found[1][1]
    half = 1.96 * influence.std(ddof=1) / np.sqrt(len(influence))
    gain = found[0][0] - found[1][0]
    rates = {
        f"{name}_{who}": float(np.mean(values))
        for who, way in (("ours", ours), ("theirs", theirs))
        for name, values in (("abstained", ~way[1]), ("queried", way[2]))
    }
    return {
        "ours": float(found[0][0]),
        "theirs": float(found[1][0]),
        "gain": float(gain),
        "low": float(gain - half),
        "high": float(gain + half),
        **rates,
    }


def main():
    benchmark = Benchmark("three_actions", __doc__)
    args = benchmark.parse()
    for name in DATASETS[3:4] if args.quick else DATASETS:
        fit, test = make_outcomes(name)
        for router in ROUTERS:
            for query_rate in QUERY_RATES:
                for rate in ABSTENTION_RATES:
                    key = {
                        "data": name,
                        "router": router,
                        "query_rate": query_rate,
                        "abstention_rate": rate,
                    }
                    benchmark.row(
                        key,
                        lambda f=fit, t=test, o=router, q=query_rate, a=rate: compare(
                            f, t, o, q, a
                        ),
                    )
    numbers = dict.fromkeys(("ours", "theirs", "gain", "low", "high"), ".4f")
    numbers |= dict.fromkeys(("abstained_ours", "abstained_theirs"), ".3f")
    numbers |= dict.fromkeys(("queried_ours", "queried_theirs"), ".3f")
    keys = ("data", "router", "query_rate", "abstention_rate")
    print_table(benchmark.rows, {**dict.fromkeys(keys, ""), **numbers})


if __name__ == "__main__":
    main()
