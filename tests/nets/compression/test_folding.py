import pytest

torch = pytest.importorskip("torch")

from torch import nn

from selective_query.nets import EarlyExitNet
from selective_query.nets.compression import fold_batch_norm


@torch.no_grad()
def test_function_stays_and_batch_norm_goes(any_net, noise):
    classifier, shape = any_net
    net, x = classifier.module_.net, torch.from_numpy(noise(20, shape))
    before = classifier.predict_proba(x)
    folded = fold_batch_norm(net)
    torch.testing.assert_close(folded(x), net(x), atol=1e-5, rtol=1e-4)
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm1d)]
    assert not [m for m in folded.modules() if isinstance(m, nn.BatchNorm2d)]
    assert (classifier.predict_proba(x) == before).all(), "the net is left as it is"


@torch.no_grad()
def test_a_layer_with_a_bias_and_a_norm_without_weights():
    net = nn.Sequential(
        nn.Linear(3, 4), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 2)
    ).eval()
    net[1].running_mean.fill_(0.3)
    net[1].running_var.fill_(2.0)
    x = torch.randn(9, 3)
    torch.testing.assert_close(fold_batch_norm(net)(x), net(x))


class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(self.layer(x))


class Unlayered(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.gain = nn.Linear(4, 4), nn.Parameter(torch.ones(4))

    def forward(self, x):
        return self.layer(x) * self.gain


class ReadTwice(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(4, 4), nn.BatchNorm1d(4)

    def forward(self, x):
        x = self.layer(x)
        return x + self.norm(x)


class Branching(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)), "'0' cannot be folded"),
        (
            nn.Sequential(
                nn.Linear(3, 3), nn.BatchNorm1d(3, track_running_stats=False)
            ),
            "track_running_stats",
        ),
        (Twice(), "calls its layer 'layer' 2 times"),
        (Unlayered(), "others: gain"),
        (ReadTwice(), "'norm' cannot be folded.* that nothing else reads"),
        (Branching(), "cannot be traced"),
        (
            EarlyExitNet([nn.Conv2d(1, 2, 3), nn.Conv2d(2, 2, 3)], [2, 2], 3),
            "calls its layer 'heads.0' 0 times",
        ),
        (nn.Sequential(nn.ConvTranspose2d(1, 1, 2)), "others: 0.weight"),
    ],
)
def test_what_cannot_be_folded_is_named(net, message):
    with pytest.raises(ValueError, match=message):
        fold_batch_norm(net)
