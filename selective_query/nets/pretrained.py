"""Nets from timm, as bases and globals."""

from selective_query.nets._checks import check_whole


def timm_net(name, n_classes, *, pretrained=False, **options):
    """A net of timm's, ending in a linear layer for so many classes.

    Parameters
    ----------
    name : str
        As in ``timm.list_models()``, for example ``"mobilenetv3_small_050"``.
    n_classes : int
    pretrained : bool, default=False
        Whether to fetch trained weights; needs a network.
    **options
        Passed on, for example ``in_chans=1``.

    Returns
    -------
    nn.Module

    Raises
    ------
    ImportError
        When timm is not installed.
    ValueError
        When `n_classes` is no whole number >= 2.
    """
    check_whole(2, n_classes=n_classes)
    try:
        import timm
    except ImportError as error:
        raise ImportError(
            "timm_net needs timm. Install it with pip install selective-query[timm]."
        ) from error
    return timm.create_model(
        name, pretrained=pretrained, num_classes=n_classes, **options
    )
