"""RoutedNet: a net with a router head, and its evidence as a named layer."""

import threading

import torch
from torch import nn

from selective_query.nets.training._batch import SOME_LACK, NetOutput

# Name of the layer with the loss's query score and the features that the head reads.
EVIDENCE = "evidence"

# State of the current forward pass, per thread: threads share the net.
_call = threading.local()


class RoutedNet(nn.Module):
    """A net with a router head on the input of its last linear layer.

    Parameters
    ----------
    net : nn.Module
        Returns logits of shape (n_samples, n_classes), and ends in a linear layer.
    loss : HybridLoss
        Defines the heads and the query score.
    head_hidden : int, default=32
        Units of the head's only hidden layer; 0 makes the head linear.
    example : tensor of shape (n_samples, ...), optional
        Inputs to find the linear layer that runs last. Without them, the one registered
        last is used.

    Raises
    ------
    ValueError
        If the net has no linear layer, or when the loss uses exits and the net has
        none.
    """

    def __init__(self, net, loss, head_hidden=32, example=None):
        super().__init__()
        last = last_linear(net, example)
        if loss.reads_exits and not hasattr(net, "forward_exits"):
            raise ValueError(
                f"{type(loss).__name__} uses every exit, and {type(net).__name__} has "
                "no forward_exits. Use an EarlyExitNet, or another loss."
            )
        last.register_forward_pre_hook(self._remember)
        self.net, self.loss = net, loss
        self.last_name = next(n for n, layer in net.named_modules() if layer is last)
        self.head = _head(last.in_features, head_hidden) if loss.has_head else None
        self.second = None
        if loss.has_second:
            self.second = nn.Linear(last.in_features, last.out_features)
        setattr(self, EVIDENCE, nn.Identity())

    @staticmethod
    def _remember(module, inputs):
        _call.features = inputs[0]

    def forward(self, x):
        exits = self.net.forward_exits(x) if self.loss.reads_exits else None
        logits = self.net(x) if exits is None else exits[-1]
        features, _call.features = _call.features, None
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


def last_linear(net, example=None):
    """Return the last linear layer of a net, which computes its logits.

    This is the last one to run on the example or, without one, the last registered.
    """
    linear = [module for module in net.modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise ValueError(
            f"{type(net).__name__} has no nn.Linear, whose input a router reads. End "
            "the net in one, from features to logits."
        )
    if example is None:
        return linear[-1]
    ran = []
    handles = [
        layer.register_forward_pre_hook(lambda layer, _: ran.append(layer))
        for layer in linear
    ]
    _run(net, example)
    for handle in handles:
        handle.remove()
    return ran[-1] if ran else linear[-1]


@torch.no_grad()
def _run(net, x):
    """Run the net in evaluation mode, and leave it in that mode."""
    device = next(net.parameters()).device
    return net.eval()(x.float().to(device))


@torch.no_grad()
def check_outputs(routed, x, n_classes):
    """Refuse a net that does not return the logits of its last linear layer.

    Parameters
    ----------
    routed : RoutedNet
    x : tensor of shape (n_samples, ...)
        One or two inputs.
    n_classes : int

    Raises
    ------
    ValueError
        If there is not one output per class, or something follows the last linear
        layer.
    """
    last, features = routed.net.get_submodule(routed.last_name), []
    handle = last.register_forward_pre_hook(lambda _, x: features.append(x[0]))
    logits = _run(routed.net, x)
    handle.remove()
    if getattr(logits, "shape", None) != (len(x), n_classes):
        raise ValueError(
            f"module must return one logit for each of the {n_classes} classes. Got "
            f"{getattr(logits, 'shape', logits)} for two inputs. {SOME_LACK}"
        )
    both_nan = logits.isnan().any() and x.float().isnan().any()
    if both_nan:
        return  # reported after the first epoch, with advice
    if not features or not torch.allclose(last(features[-1]), logits, atol=1e-4):
        raise ValueError(
            "module must return the output of its last linear layer: logits without a "
            f"softmax or an activation after them. {last} of "
            f"{type(routed.net).__name__} returns something else."
        )


def _head(n_in, n_hidden):
    if not n_hidden:
        return nn.Linear(n_in, 1)
    return nn.Sequential(nn.Linear(n_in, n_hidden), nn.ReLU(), nn.Linear(n_hidden, 1))
