"""Route a Ray dataset through a hybrid: base on all rows, global on queried rows."""

import pickle

import numpy as np
import ray
from ray.data import ActorPoolStrategy

from selective_query.scale._stages import BaseStage, GlobalStage


def route_dataset(
    hybrid,
    dataset,
    inputs,
    *,
    keep=(),
    with_score=False,
    batch_rows=4096,
    base_options=None,
    global_options=None,
):
    """Predict each row of a Ray dataset with a hybrid, in two stages.

    Actors of the first stage hold base and router, actors of the second hold the
    global; each stage can run on its own kind of machine. Only the inputs of queried
    rows are transferred between the stages; for all other rows, only their labels.
    Nothing runs before the result is read.

    Parameters
    ----------
    hybrid : HybridClassifier
        Fitted. Each side is put into Ray's object store once, when this function is
        called, and read from there once by each of its actors.
    dataset : ray.data.Dataset
    inputs : str or list of str
        Column that holds the rows of X as arrays of one shape; or the columns of a
        DataFrame, as used to fit the models.
    keep : sequence of str, default=()
        Columns that are passed through unchanged, such as a row's identifier.
    with_score : bool, default=False
        Whether to return the query score too.
    batch_rows : int, default=4096
        Number of rows per call of the base. The global gets the queried rows among them
        in one call.
    base_options, global_options : dict, optional
        For ``Dataset.map_batches``: ``num_cpus``, ``num_gpus`` and ``memory`` of an
        actor, and ``compute``, the number of actors, by default
        ``ray.data.ActorPoolStrategy(size=1)``.

    Returns
    -------
    ray.data.Dataset
        In the order of `dataset`, with the columns in `keep`, ``label``, ``kept`` (True
        where the rule kept the row with the base), ``failure`` (why the global gave no
        answer; "" where it answered or was not queried) and, if requested,
        ``query_score``.

    Raises
    ------
    GlobalUnavailableError
        If the result is read, if an answer is missing and ``on_unavailable`` of the
        hybrid is "raise".
    TypeError
        If `hybrid` has no global.
    ValueError
        If a column in `keep` has the name of a result column.
    """
    taken = {"label", "kept", "failure", "query_score"}.intersection(keep)
    if taken:
        raise ValueError(
            "keep must not name columns that hold results: label, kept, failure and "
            f"query_score. Got {sorted(taken)}. Rename them in the dataset first."
        )
    routed = dataset.map_batches(
        _BaseActor,
        fn_constructor_args=(
            ray.put(BaseStage(hybrid)),
            inputs,
            list(keep),
            with_score,
        ),
        batch_size=batch_rows,
        batch_format="numpy" if isinstance(inputs, str) else "pandas",
        **{"compute": ActorPoolStrategy(size=1), **(base_options or {})},
    )
    answered = routed.map_batches(
        _GlobalActor,
        fn_constructor_args=(ray.put(GlobalStage(hybrid)),),
        batch_size=1,
        batch_format="numpy",
        **{"compute": ActorPoolStrategy(size=1), **(global_options or {})},
    )
    answered.context.execution_options.preserve_order = True
    return answered


class _BaseActor:
    """Maps a batch to one packet with the results so far and the rows to query."""

    def __init__(self, stage, inputs, keep, with_score):
        self.stage, self.inputs = ray.get(stage), inputs
        self.keep, self.with_score = keep, with_score

    def __call__(self, batch):
        routed = self.stage.route(batch[self.inputs], with_score=self.with_score)
        columns = {name: np.asarray(batch[name]) for name in self.keep}
        # As bytes, because a table cell cannot hold rows of arbitrary kind and number.
        packet = pickle.dumps((routed, columns), protocol=5)
        return {"packet": np.array([packet], dtype=object)}


class _GlobalActor:
    """Maps a packet to the rows of its batch."""

    def __init__(self, stage):
        self.stage = ray.get(stage)

    def __call__(self, batch):
        (packet,) = batch["packet"]
        routed, columns = pickle.loads(packet)
        answered = self.stage.answer(routed.asked)
        columns["label"], columns["failure"] = routed.joined(*answered)
        columns["kept"] = routed.kept
        if routed.score is not None:
            columns["query_score"] = routed.score
        return columns
