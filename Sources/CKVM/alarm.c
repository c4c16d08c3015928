#define _GNU_SOURCE
#include "alarm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

/// The kernel's own size of a signal set; glibc's is larger.
enum { kernel_mask_size = 8 };

static void only_alarm(sigset_t *set) {
    sigemptyset(set);
    sigaddset(set, SIGALRM);
}

static int open_mask_in_guest(int vcpu, const sigset_t *mask) {
    struct kvm_signal_mask *argument = malloc(sizeof *argument + kernel_mask_size);
    if (!argument) return ENOMEM;
    argument->len = kernel_mask_size;
    memcpy(argument->sigset, mask, kernel_mask_size);
    int error = ioctl(vcpu, KVM_SET_SIGNAL_MASK, argument) == 0 ? 0 : errno;
    free(argument);
    return error;
}

int run_alarm_start(struct run_alarm *alarm, int vcpu, uint32_t milliseconds) {
    *alarm = (struct run_alarm){0};

    sigset_t signals;
    only_alarm(&signals);
    int error = pthread_sigmask(SIG_BLOCK, &signals, &alarm->previous_mask);
    if (error) return error;
    alarm->has_mask = true;

    sigset_t guest_mask = alarm->previous_mask;
    sigdelset(&guest_mask, SIGALRM);
    error = open_mask_in_guest(vcpu, &guest_mask);
    if (error) return error;

    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGALRM};
    event.sigev_notify_thread_id = gettid();
    if (timer_create(CLOCK_MONOTONIC, &event, &alarm->timer) != 0) return errno;
    alarm->has_timer = true;

    struct itimerspec when = {.it_value = {.tv_sec = milliseconds / 1000, .tv_nsec = (long)(milliseconds % 1000) * 1000000}};
    return timer_settime(alarm->timer, 0, &when, NULL) == 0 ? 0 : errno;
}

bool run_alarm_fired(void) {
    sigset_t signals;
    only_alarm(&signals);
    const struct timespec at_once = {0};
    return sigtimedwait(&signals, NULL, &at_once) == SIGALRM;
}

void run_alarm_stop(struct run_alarm *alarm) {
    if (alarm->has_timer) timer_delete(alarm->timer);
    if (!alarm->has_mask) return;
    run_alarm_fired();
    pthread_sigmask(SIG_SETMASK, &alarm->previous_mask, NULL);
}
