/* An int8 net with floating-point inputs and outputs. Not thread-safe. */
#ifndef SQ_NET_H
#define SQ_NET_H

#define SQ_NET_N_INPUTS @N_INPUTS@
#define SQ_NET_N_OUTPUTS @N_OUTPUTS@

void sq_net(const float *input, float *output);

#endif
