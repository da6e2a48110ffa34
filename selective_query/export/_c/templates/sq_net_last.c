static const int8_t last_weight[SQ_NET_N_OUTPUTS][@N_FEATURES@] = {
@LAST_WEIGHT@
};
static const float last_scale[SQ_NET_N_OUTPUTS] = {@LAST_SCALE@};
static const float last_bias[SQ_NET_N_OUTPUTS] = {@LAST_BIAS@};

void sq_net(const float *input, float *output)
{
    static float features[@N_FEATURES@];
    sq_net_features(input, features);
    for (int32_t k = 0; k < SQ_NET_N_OUTPUTS; k++) {
        float sum = 0.0f;
        for (int32_t i = 0; i < @N_FEATURES@; i++) {
            sum += (float)last_weight[k][i] * features[i];
        }
        output[k] = sum * last_scale[k] + last_bias[k];
    }
}
