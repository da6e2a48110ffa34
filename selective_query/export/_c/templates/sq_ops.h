/* The operations of a program on the tables of one input, in single precision.
 *
 * Every sum runs from the first term to the last, and every function uses only
 * additions, products, quotients and square roots, so that all IEEE 754 machines
 * agree bit for bit. Compile with -ffp-contract=off, never with -ffast-math.
 * Input and output may be the same array if they have the same length.
 */
#ifndef SQ_OPS_H
#define SQ_OPS_H

#include <stdint.h>

/* A node of a tree. A leaf has the feature SQ_LEAF and stores its value, or in `skip`
 * its row of values. If x <= value, the next node follows, else the one `skip` on. */
typedef struct {
    float value;
    uint16_t feature;
    uint16_t skip;
} sq_node;

#define SQ_LEAF UINT16_MAX

float sq_exp(float x);
float sq_log(float x); /* of a positive number */

int sq_argmax(const float *x, int n);
int sq_all_finite(const float *x, int n);

void sq_top(const float *x, int n, int k, float *out);
void sq_doubt(const float *x, int n, int k, float *out);
void sq_copy(const float *x, int n, float *out);
void sq_log_above(const float *x, int n, float least, float *out);
void sq_complement(const float *x, int n, float *out);
void sq_negative(const float *x, int n, float *out);
void sq_sqrt(const float *x, int n, float *out);
void sq_sigmoid(const float *x, int n, float *out);
void sq_tanh(const float *x, int n, float *out);
void sq_relu(const float *x, int n, float *out);
void sq_scale(const float *x, int n, const float *centre, const float *scale, float *out);
void sq_affine(const float *x, int n, int n_out, const float *weight, const float *bias,
               float *out); /* weight (n_out, n); bias may be NULL */
void sq_add(const float *x, int n_x, const float *y, int n_y, float *out);
void sq_subtract(const float *x, int n_x, const float *y, int n_y, float *out);
void sq_cross_entropy(const float *x, int n, const float *y, float *out);
void sq_centre(const float *x, int n, float *out);
void sq_max(const float *x, int n, float *out);
void sq_min(const float *x, int n, float *out);
void sq_norm2(const float *x, int n, float *out);
void sq_entropy(const float *x, int n, float *out);
void sq_agreement(const float *x, int n, float *out);
void sq_peak(const float *x, int n, float order, float *out);
void sq_log_sum_exp(const float *x, int n, float temperature, float *out);
void sq_softmax(const float *x, int n, float *out);
void sq_normalise(const float *x, int n, float *out);
void sq_pairs(const float *x, int n, float *out);
void sq_class_effect(const float *x, int n, const float *effects, float *out);
void sq_class_roots(const float *x, int n, int k, const float *effects, float *out);
void sq_kernel(const float *x, int n, int n_landmarks, const float *landmarks,
               const float *weights, float rate, float *out);
void sq_squared_distance(const float *x, int n, int n_out, const float *centres,
                         const float *weights, float *out);
void sq_tree_sum(const float *x, const sq_node *nodes, const uint32_t *roots, int n_trees,
                 const float *offset, float *out);
void sq_tree_sums(const float *x, const sq_node *nodes, const uint32_t *roots,
                  int n_trees, const float *values, int n_out, const float *offset,
                  float *out);

#endif
