"""A net with what a router needs of it: a head, and evidence to read by name."""

import torch
from torch import nn

from selective_query.training.batch import NetOutput

# The layer that puts out the loss's query score and the features that the head reads.
EVIDENCE = "evidence"


class RoutedNet(nn.Module):
    """A net, and a router head fed by what its last linear layer reads.

    Parameters
    ----------
    net : nn.Module
        Puts out logits of shape (n_samples, n_classes), and ends in a linear layer.
    loss : HybridLoss
        Says which heads there are, and what the query score is.
    head_hidden : int, default=32
        Units of the head's one hidden layer; 0 makes the head linear.

    Raises
    ------
    ValueError
        When the net has no linear layer whose inputs the head could read, or no exits
        and the loss charges each of them.
    """

    def __init__(self, net, loss, head_hidden=32):
        super().__init__()
        last = last_linear(net)
        if loss.reads_exits and not hasattr(net, "forward_exits"):
            raise ValueError(
                f"{type(loss).__name__} charges every exit, and {type(net).__name__} "
                "has no forward_exits. Use an EarlyExitNet, or another loss."
            )
        last.register_forward_pre_hook(self._remember)
        self.net, self.loss = net, loss
        self.head = _head(last.in_features, head_hidden) if loss.has_head else None
        self.second = None
        if loss.has_second:
            self.second = nn.Linear(last.in_features, last.out_features)
        setattr(self, EVIDENCE, nn.Identity())

    def _remember(self, module, inputs):
        self._features = inputs[0]

    def forward(self, x):
        exits = self.net.forward_exits(x) if self.loss.reads_exits else None
        logits = self.net(x) if exits is None else exits[-1]
        features, self._features = self._features, None
        output = NetOutput(
            logits,
            None if self.head is None else self.head(features)[:, 0],
            None if self.second is None else self.second(features),
            exits,
        )
        if not self.training:
            score = self.loss.query_score(output)
            self.evidence(torch.cat([score[:, None], features], dim=1))
        return output


def last_linear(net):
    """The last linear layer of a net, which makes its logits."""
    linear = [module for module in net.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ValueError(
            f"{type(net).__name__} holds no nn.Linear, whose inputs a router would "
            "read. End the net in one, from features to logits."
        )
    return linear[-1]


def _head(n_in, n_hidden):
    if not n_hidden:
        return nn.Linear(n_in, 1)
    return nn.Sequential(nn.Linear(n_in, n_hidden), nn.ReLU(), nn.Linear(n_hidden, 1))
