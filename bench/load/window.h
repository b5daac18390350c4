/*
 * What every load generator here does with a measured window: take latencies, read the subject's processor time, answer.
 *
 * Must never do: know what is sent (load.c, http-load.c). Include it after wire.h.
 */
#ifndef SALLYPORT_BENCH_WINDOW_H
#define SALLYPORT_BENCH_WINDOW_H

#include "wire.h"
#include <stdio.h>

enum { SAMPLES = 1 << 23, PIDS = 16 };

static uint32_t samples[SAMPLES];
static uint64_t units, bytes, errors, sampled;

static void sample(uint64_t ns) {
  if (sampled < SAMPLES) samples[sampled++] = ns > UINT32_MAX ? UINT32_MAX : (uint32_t)ns;
}

static uint64_t percentile(double share) {
  return sampled == 0 ? 0 : samples[(uint64_t)((double)(sampled - 1) * share)];
}

static uint64_t cpu_of(const pid_t *pids, int count) {
  uint64_t sum = 0;
  for (int i = 0; i < count; i++) sum += process_cpu_ns(pids[i]);
  return sum;
}

static int parse_pids(char *text, pid_t *pids) {
  int count = 0;
  for (char *part = strtok(text, ","); part != NULL && count < PIDS; part = strtok(NULL, ",")) pids[count++] = atoi(part);
  return count;
}

/*
 * Turns for warm_ms, then for ms with everything counted; finish() ends the load, after the figures are taken. Errors
 * of the time before the window count too: nothing that failed is forgotten. The line is left open: end it.
 */
static void measure_window(void (*turn)(int), void (*finish)(void), int warm_ms, int ms, const pid_t *pids, int pid_count) {
  uint64_t start = now_ns() + (uint64_t)warm_ms * 1000000ull;
  while (now_ns() < start) turn(5);
  units = bytes = sampled = 0;
  uint64_t cpu = cpu_of(pids, pid_count), own = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  start = now_ns();
  while (now_ns() - start < (uint64_t)ms * 1000000ull) turn(5);
  uint64_t ns = now_ns() - start;
  cpu = cpu_of(pids, pid_count) - cpu;
  own = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - own;
  uint64_t measured_units = units, measured_bytes = bytes, measured_errors = errors;
  qsort(samples, sampled, sizeof samples[0], by_value);
  uint64_t p50 = percentile(0.5), p99 = percentile(0.99);
  finish();
  printf("ok units=%llu bytes=%llu ns=%llu cpuNs=%llu ownNs=%llu p50Ns=%llu p99Ns=%llu errors=%llu",
         (unsigned long long)measured_units, (unsigned long long)measured_bytes, (unsigned long long)ns,
         (unsigned long long)cpu, (unsigned long long)own, (unsigned long long)p50, (unsigned long long)p99,
         (unsigned long long)measured_errors);
}

#endif
