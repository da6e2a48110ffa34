/* Runs the test vectors; prints for each its label, whether it asks, its score's bits. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "sq_model.h"
#include "sq_vectors.h"

int main(void)
{
    for (int row = 0; row < SQ_N_VECTORS; row++) {
        sq_answer answer;
        uint32_t score;
        sq_decide(sq_vectors[row], &answer);
        memcpy(&score, &answer.score, sizeof score);
        printf("%ld %d %08lx\n", (long)answer.label, (int)answer.queried,
               (unsigned long)score);
    }
    return 0;
}
