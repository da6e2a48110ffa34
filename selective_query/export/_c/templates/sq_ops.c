#include "sq_ops.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define LN2_HIGH 0x1.62ep-1f /* few enough digits for exact multiples */
#define LN2_LOW 0x1.0bfbe8p-15f
#define PER_LN2 0x1.715476p+0f

static float from_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float sq_exp(float x)
{
    if (x < -87.0f) return 0.0f;
    if (!(x <= 88.0f)) return x + INFINITY; /* infinite or NaN */
    float scaled = x * PER_LN2;
    int n = (int)(scaled < 0.0f ? scaled - 0.5f : scaled + 0.5f);
    float r = (x - (float)n * LN2_HIGH) - (float)n * LN2_LOW;
    float sum = 1.0f / 5040.0f;
    sum = sum * r + 1.0f / 720.0f;
    sum = sum * r + 1.0f / 120.0f;
    sum = sum * r + 1.0f / 24.0f;
    sum = sum * r + 1.0f / 6.0f;
    sum = sum * r + 0.5f;
    sum = sum * r + 1.0f;
    sum = sum * r + 1.0f;
    return sum * from_bits((uint32_t)(n + 127) << 23);
}

float sq_log(float x)
{
    if (!(x <= FLT_MAX)) return x; /* infinite or NaN */
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    int n = (int)(bits >> 23) - 127;
    float m = from_bits((bits & 0x7fffffu) | 0x3f800000u); /* in [1, 2) */
    if (m > 0x1.6a09e6p+0f) {
        m *= 0.5f;
        n += 1;
    }
    float s = (m - 1.0f) / (m + 1.0f);
    float z = s * s;
    float sum = 2.0f / 11.0f;
    sum = sum * z + 2.0f / 9.0f;
    sum = sum * z + 2.0f / 7.0f;
    sum = sum * z + 2.0f / 5.0f;
    sum = sum * z + 2.0f / 3.0f;
    float tail = sum * z * s + (float)n * LN2_LOW;
    return (float)n * LN2_HIGH + (2.0f * s + tail);
}

static float power(float x, float order)
{
    if (order != (float)(int)order) {
        return x < FLT_MIN ? 0.0f : sq_exp(order * sq_log(x));
    }
    float product = x;
    for (int i = 1; i < (int)order; i++) product *= x;
    return product;
}

int sq_argmax(const float *x, int n)
{
    int best = 0;
    for (int i = 1; i < n; i++) {
        if (x[i] > x[best]) best = i;
    }
    return best;
}

int sq_all_finite(const float *x, int n)
{
    for (int i = 0; i < n; i++) {
        if (!isfinite(x[i])) return 0;
    }
    return 1;
}

/* One minus the maximum. For probabilities it is the sum of the others, which stays
 * accurate if the maximum rounds to 1. */
static float left_by_largest(const float *x, int n)
{
    int largest = sq_argmax(x, n);
    float sum = 0.0f;
    for (int i = 0; i < n; i++) {
        if (i != largest) sum += x[i];
    }
    float left = 1.0f - x[largest];
    return fabsf(left - sum) < 1e-5f ? sum : left;
}

void sq_top(const float *x, int n, int k, float *out)
{
    for (int i = 0; i < k; i++) out[i] = i < n ? -INFINITY : 0.0f;
    for (int i = 0; i < n; i++) {
        float next = x[i];
        for (int j = 0; j < k && j < n; j++) {
            if (next > out[j]) {
                float smaller = out[j];
                out[j] = next;
                next = smaller;
            }
        }
    }
}

void sq_doubt(const float *x, int n, int k, float *out)
{
    sq_top(x, n, k, out);
    out[0] = left_by_largest(x, n);
    for (int i = 1; i < k; i++) out[i] = sqrtf(out[i]);
}

void sq_copy(const float *x, int n, float *out)
{
    memcpy(out, x, (size_t)n * sizeof *x);
}

void sq_log_above(const float *x, int n, float least, float *out)
{
    for (int i = 0; i < n; i++) out[i] = sq_log(x[i] < least ? least : x[i]);
}

void sq_complement(const float *x, int n, float *out)
{
    for (int i = 0; i < n; i++) out[i] = 1.0f - x[i];
}

void sq_negative(const float *x, int n, float *out)
{
    for (int i = 0; i < n; i++) out[i] = -x[i];
}

void sq_sqrt(const float *x, int n, float *out)
{
    for (int i = 0; i < n; i++) out[i] = sqrtf(x[i]);
}

static float sigmoid(float x)
{
    return 1.0f / (1.0f + sq_exp(-x));
}

void sq_sigmoid(const float *x, int n, float *out)
{
    for (int i = 0; i < n; i++) out[i] = sigmoid(x[i]);
}

void sq_tanh(const float *x, int n, float *out)
{
    for (int i = 0; i < n; i++) out[i] = 2.0f * sigmoid(2.0f * x[i]) - 1.0f;
}

void sq_relu(const float *x, int n, float *out)
{
    for (int i = 0; i < n; i++) out[i] = x[i] > 0.0f ? x[i] : 0.0f;
}

void sq_scale(const float *x, int n, const float *centre, const float *scale, float *out)
{
    for (int i = 0; i < n; i++) out[i] = (x[i] - centre[i]) / scale[i];
}

void sq_affine(const float *x, int n, int n_out, const float *weight, const float *bias,
               float *out)
{
    for (int j = 0; j < n_out; j++) {
        float sum = bias ? bias[j] : 0.0f;
        for (int i = 0; i < n; i++) sum += x[i] * weight[i];
        out[j] = sum;
        weight += n;
    }
}

void sq_add(const float *x, int n_x, const float *y, int n_y, float *out)
{
    int n = n_x > n_y ? n_x : n_y;
    for (int i = 0; i < n; i++) out[i] = x[n_x > 1 ? i : 0] + y[n_y > 1 ? i : 0];
}

void sq_subtract(const float *x, int n_x, const float *y, int n_y, float *out)
{
    int n = n_x > n_y ? n_x : n_y;
    for (int i = 0; i < n; i++) out[i] = x[n_x > 1 ? i : 0] - y[n_y > 1 ? i : 0];
}

void sq_cross_entropy(const float *x, int n, const float *y, float *out)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++) sum += x[i] * y[i];
    out[0] = -sum;
}

void sq_centre(const float *x, int n, float *out)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++) sum += x[i];
    float mean = sum / (float)n;
    for (int i = 0; i < n; i++) out[i] = x[i] - mean;
}

void sq_max(const float *x, int n, float *out)
{
    out[0] = x[sq_argmax(x, n)];
}

void sq_min(const float *x, int n, float *out)
{
    float least = x[0];
    for (int i = 1; i < n; i++) {
        if (x[i] < least) least = x[i];
    }
    out[0] = least;
}

void sq_norm2(const float *x, int n, float *out)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++) sum += x[i] * x[i];
    out[0] = sum;
}

void sq_entropy(const float *x, int n, float *out)
{
    int largest = sq_argmax(x, n);
    float left = left_by_largest(x, n), sum = 0.0f;
    for (int i = 0; i < n; i++) {
        float surprise = x[i] >= FLT_MIN ? sq_log(x[i]) : 0.0f;
        if (i == largest && fabsf(left) < 0.01f) { /* the series of log(1 - left) */
            float tail = left * (1.0f / 3.0f + left * 0.25f);
            surprise = -(left * (1.0f + left * (0.5f + tail)));
        }
        sum += x[i] * surprise;
    }
    out[0] = 0.0f - sum;
}

void sq_agreement(const float *x, int n, float *out)
{
    int most = 0;
    for (int i = 0; i < n; i++) {
        int votes = 0;
        for (int j = 0; j < n; j++) votes += x[j] == x[i];
        if (votes > most) most = votes;
    }
    out[0] = (float)most / (float)n;
}

void sq_peak(const float *x, int n, float order, float *out)
{
    float largest = x[sq_argmax(x, n)];
    out[0] = largest;
    if (n <= 2) return; /* for two centred numbers the quotient is constant */
    float size = 0.0f;
    for (int i = 0; i < n; i++) {
        if (fabsf(x[i]) > size) size = fabsf(x[i]);
    }
    out[0] = 0.0f;
    if (size < FLT_MIN) return;
    float sum = 0.0f;
    for (int i = 0; i < n; i++) sum += power(fabsf(x[i]) / size, order);
    out[0] = largest / size / sq_exp(sq_log(sum) / order);
}

void sq_log_sum_exp(const float *x, int n, float temperature, float *out)
{
    float largest = x[sq_argmax(x, n)];
    float sum = 0.0f;
    for (int i = 0; i < n; i++) sum += sq_exp((x[i] - largest) / temperature);
    out[0] = largest + temperature * sq_log(sum);
}

void sq_softmax(const float *x, int n, float *out)
{
    float largest = x[sq_argmax(x, n)];
    float sum = 0.0f;
    for (int i = 0; i < n; i++) {
        out[i] = sq_exp(x[i] - largest);
        sum += out[i];
    }
    for (int i = 0; i < n; i++) out[i] = out[i] / sum;
}

void sq_normalise(const float *x, int n, float *out)
{
    float sum = 0.0f;
    for (int i = 0; i < n; i++) sum += x[i];
    sum = sum + (sum - sum); /* an infinite sum becomes NaN */
    for (int i = 0; i < n; i++) out[i] = sum != 0.0f ? x[i] / sum : 1.0f / (float)n;
}

void sq_pairs(const float *x, int n, float *out)
{
    for (int i = 0; i < n; i++) {
        for (int j = i + 1; j < n; j++) *out++ = x[i] - x[j];
    }
}

void sq_class_effect(const float *x, int n, const float *effects, float *out)
{
    out[0] = effects[sq_argmax(x, n)];
}

void sq_class_roots(const float *x, int n, int k, const float *effects, float *out)
{
    float least = x[sq_argmax(x, n)];
    int n_reached = 0;
    for (;;) {
        float next = -INFINITY;
        for (int i = 0; i < n; i++) {
            if (x[i] == least) n_reached++;
            if (x[i] < least && x[i] > next) next = x[i];
        }
        if (n_reached >= k || next == -INFINITY) break;
        least = next;
    }
    float sum = 0.0f;
    for (int i = 0; i < n; i++) {
        if (x[i] >= least) sum += sqrtf(x[i]) * effects[i];
    }
    out[0] = sum;
}

void sq_kernel(const float *x, int n, int n_landmarks, const float *landmarks,
               const float *weights, float rate, float *out)
{
    float total = 0.0f;
    for (int l = 0; l < n_landmarks; l++) {
        float sum = 0.0f;
        for (int i = 0; i < n; i++) {
            float difference = x[i] - landmarks[i];
            sum += difference * difference;
        }
        total += weights[l] * sq_exp(sum * rate);
        landmarks += n;
    }
    out[0] = total;
}

void sq_squared_distance(const float *x, int n, int n_out, const float *centres,
                         const float *weights, float *out)
{
    for (int k = 0; k < n_out; k++) {
        float sum = 0.0f;
        for (int i = 0; i < n; i++) {
            float difference = x[i] - centres[i];
            sum += weights[i] * (difference * difference);
        }
        out[k] = sum;
        centres += n;
        weights += n;
    }
}

static const sq_node *leaf_of(const float *x, const sq_node *node)
{
    while (node->feature != SQ_LEAF) {
        node += x[node->feature] <= node->value ? 1 : node->skip;
    }
    return node;
}

void sq_tree_sum(const float *x, const sq_node *nodes, const uint32_t *roots, int n_trees,
                 const float *offset, float *out)
{
    float sum = offset[0];
    for (int t = 0; t < n_trees; t++) sum += leaf_of(x, nodes + roots[t])->value;
    out[0] = sum;
}

void sq_tree_sums(const float *x, const sq_node *nodes, const uint32_t *roots,
                  int n_trees, const float *values, int n_out, const float *offset,
                  float *out)
{
    sq_copy(offset, n_out, out);
    for (int t = 0; t < n_trees; t++) {
        const float *row = values + (uint32_t)n_out * leaf_of(x, nodes + roots[t])->skip;
        for (int k = 0; k < n_out; k++) out[k] += row[k];
    }
}
