/* A main that calls the artefact: once for the linker, or in the emulator once per row
   of sq_input.bin, writing outputs and timings to sq_output.bin. */
#include <stddef.h>
#include <stdint.h>

#include CALL_HEADER

static CALL_INPUT input[CALL_N_INPUT];
static CALL_OUTPUT output[CALL_N_OUTPUT];

#ifndef CALL_EMULATED

int main(void)
{
    CALL_FUNCTION(input, output);
    return 0;
}

#else

enum { OPEN = 0x01, WRITE = 0x05, READ = 0x06, EXIT = 0x18 };
#define LOOPS 100000u
#define PAINT 0x5AA55AA5u
#define TIMER ((volatile uint32_t *)0x40000000) /* CMSDK timer 0: control, value, reload */

extern uint32_t sq_stack;

static intptr_t semihost(intptr_t operation, const void *arguments)
{
    register intptr_t r0 __asm("r0") = operation;
    register const void *r1 __asm("r1") = arguments;
    __asm volatile("bkpt 0xAB" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

static intptr_t open_file(const char *name, intptr_t mode, intptr_t length)
{
    const intptr_t arguments[] = {(intptr_t)name, mode, length};
    return semihost(OPEN, arguments);
}

static void put(intptr_t file, const void *bytes, size_t n)
{
    const intptr_t arguments[] = {file, (intptr_t)bytes, (intptr_t)n};
    semihost(WRITE, arguments);
}

static uint32_t known_loop(void)
{
    uint32_t n = LOOPS, start = TIMER[1];
    __asm volatile("1: subs %0, %0, #1\n bne 1b" : "+r"(n)::"cc");
    return start - TIMER[1];
}

static uint32_t stack_used(const uint32_t *end)
{
    const uint32_t *word = &sq_stack;
    while (word < end && *word == PAINT) {
        word++;
    }
    return (uint32_t)((const char *)end - (const char *)word);
}

int main(void)
{
    const intptr_t from = open_file("sq_input.bin", 1, 12);
    const intptr_t to = open_file("sq_output.bin", 5, 13);
    const intptr_t row[] = {from, (intptr_t)input, sizeof input};
    uint32_t *end, ticks, start, stack;
    __asm volatile("mov %0, sp" : "=r"(end));
    TIMER[0] = 0;
    TIMER[2] = TIMER[1] = 0xFFFFFFFFu;
    TIMER[0] = 1;
    ticks = known_loop();
    put(to, &ticks, sizeof ticks);
    while (semihost(READ, row) == 0) {
        for (volatile uint32_t *word = &sq_stack; word < end; word++) {
            *word = PAINT;
        }
        start = TIMER[1];
        CALL_FUNCTION(input, output);
        ticks = start - TIMER[1];
        stack = stack_used(end);
        put(to, output, sizeof output);
        put(to, &ticks, sizeof ticks);
        put(to, &stack, sizeof stack);
    }
    semihost(EXIT, (const void *)0x20026); /* the application ended */
    return 0;
}

#endif
