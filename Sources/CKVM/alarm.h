// A time limit on KVM_RUN for one thread, without a signal handler.
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct run_alarm {
    timer_t timer;
    bool has_timer;
    bool has_mask;
    sigset_t previous_mask;
};

/// Blocks the alarm signal on the calling thread and sends it there after `milliseconds`. KVM_RUN of `vcpu` lets it in,
/// and so ends with EINTR; also when it came before KVM_RUN began.
/// Returns 0 or an errno; `run_alarm_stop` follows in either case.
int run_alarm_start(struct run_alarm *alarm, int vcpu, uint32_t milliseconds);

/// Whether the alarm went off since the last question.
bool run_alarm_fired(void);

/// Deletes the timer, takes a signal that still waits, and gives the thread its old mask.
void run_alarm_stop(struct run_alarm *alarm);
