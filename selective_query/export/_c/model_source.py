"""Generate the C files of one decision: interface, threshold and constants."""

from selective_query.export._c.answer import struct_in_c
from selective_query.export._c.source import C_NAMES, number, quoted, source_of

HEADER = """\
/* {title} */
#ifndef SQ_MODEL_H
#define SQ_MODEL_H

#include <stdint.h>

{sizes}

enum {{
    SQ_OK = 0,
    SQ_NOT_FINITE = 1, /* an input or an intermediate value is NaN or infinite */
    SQ_UNKNOWN_GROUP = 2
}};

{struct}

/* Decides on one input. The answer is only written if SQ_OK is returned.
 * Not reentrant: it uses static memory. */
int sq_decide({signature});
{labels}
#endif
"""

SOURCE = """\
#include "sq_model.h"

#include <math.h>
#include <stddef.h>

#include "sq_ops.h"
#include "sq_threshold.h"
{include}
{constants}

static float arena[{arena}];
{tables}
int sq_decide({signature})
{{
{check}{calls}
    float score = ({score})[0];
{local}{label}{told}    answer->score = score;
    answer->queried = score > {threshold};
    return SQ_OK;
}}
"""


def threshold_header(thresholds, group, facts):
    """Return the header that defines only the threshold."""
    numbers = [number(threshold) for threshold in thresholds]
    shown = f"{{{', '.join(numbers)}}}" if group else numbers[0]
    name = "SQ_THRESHOLDS" if group else "SQ_THRESHOLD"
    whose = {
        None: "",
        "input": f", one per group: {', '.join(map(str, facts['groups'] or ()))}",
        "predicted_class": ", one per class predicted by the base",
    }[group]
    comment = (
        f"The base answers if the score is at most this{whose}. {facts['budget']}."
    )
    return (
        f"/* {_plain(comment)} */\n#ifndef SQ_THRESHOLD_H\n#define SQ_THRESHOLD_H\n\n"
        f"#include <math.h>\n\n#define {name} {shown}\n\n#endif\n"
    )


def _plain(text):
    """Return text that neither starts nor ends a comment."""
    return text.replace("*/", "* /").replace("/*", "/ *")


def model_header(decision, title, classes=None):
    """Return the interface: sizes, the answer, ``sq_decide``."""
    sizes = [f"#define SQ_{C_NAMES.get(p, p).upper()} {n}" for p, n in decision.inputs]
    labels = ""
    if decision.n_classes:
        sizes.append(f"#define SQ_CLASSES {decision.n_classes}")
    if classes is not None:
        names = ", ".join(quoted(str(label)) for label in classes)
        labels = f"\n#define SQ_LABELS {{{names}}}\n"
    if decision.group == "input":
        sizes.append(f"#define SQ_GROUPS {len(decision.thresholds)}")
    for name, width in decision.told_widths.items():
        sizes.append(f"#define SQ_{name.upper()} {width}")
    return HEADER.format(
        title=_plain(title), sizes="\n".join(sizes), labels=labels,
        struct=struct_in_c(decision.answered), signature=_signature(decision),
    )  # fmt: skip


def model_source(decision):
    """Return the definition of ``sq_decide``."""
    source = source_of(decision.steps, decision.widths, decision.kept)
    check, tables, threshold, include = "", "", "SQ_THRESHOLD", ""
    if decision.has_net:
        include = '#include "sq_net.h"\n'
        tables = "static float net[SQ_NET_N_OUTPUTS];\n"
    if decision.group:
        tables += (
            f"static const float thresholds[{len(decision.thresholds)}] = "
            "SQ_THRESHOLDS;\n"
        )
        place = "group" if decision.group == "input" else "answer->label"
        threshold = f"thresholds[{place}]"
    if decision.group == "input":
        check = "    if (group < 0 || group >= SQ_GROUPS) return SQ_UNKNOWN_GROUP;\n"
    label = local = ""
    if decision.n_classes:
        proba = source.tables[decision.proba]
        label = (
            f"    answer->probabilities = {proba};\n"
            f"    answer->label = sq_argmax({proba}, SQ_CLASSES);\n"
        )
    if decision.reads_local:
        local = "    if (must_stay) score = -INFINITY;\n"
    told = "".join(
        f"    answer->{name} = {source.tables[place]};\n"
        for name, place in decision.told.items()
    )
    return SOURCE.format(
        told=told,
        constants=source.constants, arena=max(1, source.arena_size), tables=tables,
        signature=_signature(decision), check=check, calls=source.calls,
        score=source.tables[decision.score], local=local, label=label,
        threshold=threshold, include=include,
    )  # fmt: skip


def _signature(decision):
    arguments = [
        f"const float *{C_NAMES.get(part, part)}" for part, _ in decision.inputs
    ]
    if decision.group == "input":
        arguments.append("int group")
    if decision.reads_local:
        arguments.append("int must_stay")
    return ", ".join([*arguments, "sq_answer *answer"])
