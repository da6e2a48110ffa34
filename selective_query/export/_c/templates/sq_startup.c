/* Startup code, from reset to main, for a Cortex-M with a floating-point unit. */
#include <stdint.h>

extern uint32_t sq_data, sq_data_end, sq_data_in_flash, sq_bss, sq_bss_end;
extern uint32_t sq_stack_end;
int main(void);

static void stop(void)
{
    for (;;) {
    }
}

void sq_reset(void)
{
    const uint32_t *from = &sq_data_in_flash;
    *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: floating point on */
    __asm volatile("dsb\n isb");
    for (uint32_t *to = &sq_data; to < &sq_data_end; to++) {
        *to = *from++;
    }
    for (uint32_t *to = &sq_bss; to < &sq_bss_end; to++) {
        *to = 0;
    }
    main();
    stop();
}

__attribute__((section(".vectors"), used)) const void *const sq_vector_table[16] = {
    &sq_stack_end, (void *)sq_reset, (void *)stop, (void *)stop,
    (void *)stop, (void *)stop, (void *)stop, 0,
    0, 0, 0, (void *)stop,
    (void *)stop, 0, (void *)stop, (void *)stop,
};
