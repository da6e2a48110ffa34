/* A net in int8 between numbers in floating point. Not for two threads at once. */
#ifndef SQ_NET_H
#define SQ_NET_H

#define SQ_NET_N_INPUTS @N_INPUTS@
#define SQ_NET_N_OUTPUTS @N_OUTPUTS@

void sq_net(const float *input, float *output);

#endif
