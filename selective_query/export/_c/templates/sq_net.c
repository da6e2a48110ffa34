/* Floating-point inputs and outputs, int8 in between. Inputs have channels first, as in
   Python; the kernels need them last. NaN becomes the smallest int8 value. */
#include <stdint.h>

#include "bknn_sq_int8.h"
#include "sq_net.h"

#define N_CHANNELS_IN @N_CHANNELS_IN@
#define N_POSITIONS_IN @N_POSITIONS_IN@
#define STEPS_IN @STEPS_IN@ /* int8 steps per unit of input */
#define SHIFT_IN @SHIFT_IN@
#define ZERO_IN (@ZERO_IN@)
#define N_CHANNELS_OUT @N_CHANNELS_OUT@
#define N_POSITIONS_OUT @N_POSITIONS_OUT@
#define N_SUMMED @N_SUMMED@ /* positions summed per feature */
#define UNIT_OUT @UNIT_OUT@
#define ZERO_OUT (@ZERO_OUT@)

static int8_t bytes_in[BKNN_SQ_INT8_INPUT_SIZE];
static int8_t bytes_out[BKNN_SQ_INT8_OUTPUT_SIZE];
_Alignas(BKNN_SQ_INT8_ARENA_ALIGNMENT)
static uint8_t arena[BKNN_SQ_INT8_ARENA_SIZE > 0u ? BKNN_SQ_INT8_ARENA_SIZE : 1u];

static int8_t quantised(float x)
{
    const float low = -128 - ZERO_IN, high = 127 - ZERO_IN;
    float steps = x * STEPS_IN + SHIFT_IN;
    steps = steps > low ? steps : low;
    steps = steps < high ? steps : high;
    return (int8_t)((int32_t)(steps < 0 ? steps - 0.5f : steps + 0.5f) + ZERO_IN);
}

static void sq_net_features(const float *input, float *features)
{
    for (int32_t p = 0; p < N_POSITIONS_IN; p++) {
        for (int32_t c = 0; c < N_CHANNELS_IN; c++) {
            bytes_in[p * N_CHANNELS_IN + c] = quantised(input[c * N_POSITIONS_IN + p]);
        }
    }
    bknn_sq_int8_infer(BKNN_SQ_INT8_ARENA_SIZE > 0u ? arena : 0, bytes_in, bytes_out);
    for (int32_t c = 0; c < N_CHANNELS_OUT; c++) {
        for (int32_t start = 0; start < N_POSITIONS_OUT; start += N_SUMMED) {
            int32_t sum = -ZERO_OUT * N_SUMMED;
            for (int32_t p = start; p < start + N_SUMMED; p++) {
                sum += bytes_out[p * N_CHANNELS_OUT + c];
            }
            *features++ = (float)sum * UNIT_OUT;
        }
    }
}

@LAST_LAYER@
