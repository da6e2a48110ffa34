/* Runs the test vectors; fails if a label or score differs from the expected one. */
#include <stdio.h>

#include "sq_model.h"
#include "sq_vectors.h"

int main(void)
{
    int n_equal = 0, n_queried = 0;
    for (int row = 0; row < SQ_N_VECTORS; row++) {
        sq_answer answer;
        int is_equal = SQ_DECIDE(row, &answer) == SQ_OK;
        is_equal = is_equal && answer.score == sq_expected_score[row];
#if SQ_HAS_LABEL
        is_equal = is_equal && answer.label == sq_expected_label[row];
#endif
        n_equal += is_equal;
        n_queried += is_equal && answer.queried;
        if (!is_equal) printf("test vector %d differs\n", row);
    }
    printf("%d of %d test vectors agree, %d query the global\n", n_equal, SQ_N_VECTORS,
           n_queried);
    return n_equal == SQ_N_VECTORS ? 0 : 1;
}
