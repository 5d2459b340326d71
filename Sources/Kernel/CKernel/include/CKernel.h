// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
//
// What Swift cannot express: variadic system calls, macros, and the code that runs between clone and exec,
// which may call async-signal-safe functions only. Every function returns -1 and sets errno on failure
// unless it says otherwise.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// A namespace to join before exec.
struct apus_join {
  int fd;
  int kind;  // a CLONE_NEW* flag, or 0 for whatever the descriptor is
};

// A descriptor of the parent and the number it gets in the child.
struct apus_descriptor {
  int parent;
  int child;
};

// What to run and where; see apus_spawn.
struct apus_spawn {
  int exec_fd;              // a descriptor of the program, or -1: then `path` is executed
  const char *path;
  char *const *argv;
  char *const *envp;
  const char *cwd;          // or NULL
  uint64_t clone_flags;     // CLONE_NEW* flags for the child
  const struct apus_join *joins;
  size_t join_count;
  const struct apus_descriptor *descriptors;
  size_t descriptor_count;
  const int *cgroup_fds;    // open cgroup.procs files; the child writes itself into each
  size_t cgroup_count;
  int new_session;          // call setsid
  int parent_death_signal;  // or 0
};

// Starts a program in a child process that shares nothing but the given descriptors, with every signal
// unblocked and at its default action. Returns the pid and stores a pidfd. When a step in the child fails,
// the child is reaped, errno is the step's and *step names it.
pid_t apus_spawn(const struct apus_spawn *request, int *pidfd, const char **step);

// Makes new namespaces (CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS) on a thread of their own, and pins each by a
// bind mount: paths[i] is a file that exists, kinds[i] the flag. Returns 0, or -1 with errno and *step.
int apus_pin_namespaces(const int *kinds, const char *const *paths, size_t count, const char **step);

// Runs `body` on a thread of its own which has joined the namespace, and waits for it.
int apus_in_namespace(int fd, int kind, void (*body)(void *), void *context);

int apus_wait_exited(int status);
int apus_wait_status(int status);  // exit code, or 128 + signal

int apus_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int apus_pivot_root(const char *new_root, const char *put_old);
int apus_execveat(int fd, const char *path, char *const *argv, char *const *envp, int flags);
int apus_close_range(unsigned first, unsigned last, unsigned flags);
// dup3 with O_CLOEXEC: the copy lasts until exec.
int apus_move_descriptor(int from, int to);
int apus_pidfd_open(pid_t pid, unsigned flags);
int apus_pidfd_send_signal(int pidfd, int signal);
int apus_pidfd_getfd(int pidfd, int fd);
int apus_open_tree(int directory, const char *path, unsigned flags);
int apus_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags);
int apus_mount_setattr(int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                       uint64_t propagation, int user_namespace);
int apus_fsopen(const char *type, unsigned flags);
int apus_fsconfig(int context, unsigned command, const char *key, const char *value);
int apus_fsmount(int context, unsigned flags);
int apus_openat2(int directory, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve);
int apus_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
int apus_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable);
int apus_mknod(const char *path, unsigned mode, unsigned major, unsigned minor);
unsigned apus_major(uint64_t device);
unsigned apus_minor(uint64_t device);
int apus_setgroups(const unsigned *groups, size_t count);
int apus_setresuid(unsigned uid);
int apus_setresgid(unsigned gid);
int apus_setrlimit(pid_t pid, int resource, uint64_t soft, uint64_t hard);
int apus_memfd(const char *name, unsigned flags);
int apus_keyctl_join_session(void);
int apus_ioprio_set(int class_and_level);
int apus_personality(unsigned long domain);

// The arguments of sched_setattr(2) that have a meaning without utilization clamping.
struct apus_scheduling {
  uint32_t policy;
  uint64_t flags;
  int32_t nice;
  uint32_t priority;
  uint64_t runtime;
  uint64_t deadline;
  uint64_t period;
};
int apus_sched_setattr(const struct apus_scheduling *wanted);
int apus_bring_loopback_up(void);
int apus_ioctl(int fd, unsigned long request, void *argument);
int apus_set_mempolicy(int mode, uint64_t nodes);

// The kernel's words for an error number, in static storage.
const char *apus_error_text(int error);
int apus_setns(int fd, int kind);
int apus_unshare(int flags);
// Makes a copy of the calling process, of one thread, that is process 1 of a new PID namespace and a child of the
// caller's parent. Returns its pid to the caller, 0 to the copy, -1 with errno.
pid_t apus_fork_into_pid_namespace(void);
int apus_pipe(int ends[2]);
int apus_accept(int listener);
// A signalfd, non-blocking and close-on-exec, for the listed signals.
int apus_signalfd(const int *signals, size_t count);
// The next signal of a signalfd, or -1.
int apus_next_signal(int fd);

struct apus_event {
  uint64_t token;
  uint32_t readiness;
};
int apus_epoll_create(void);
// operation: 1 add, 2 remove, 3 change.
int apus_epoll_control(int epoll, int operation, int fd, uint32_t readiness, uint64_t token);
// At most 64 events.
int apus_epoll_wait(int epoll, struct apus_event *events, int count, int milliseconds);
// syncfs(2).
int apus_sync_file_system(int fd);
// total, available and free bytes, then total and free inodes.
int apus_file_system_usage(const char *path, uint64_t figures[5]);
// A timerfd on CLOCK_MONOTONIC, non-blocking and close-on-exec.
int apus_timer(void);
// Lets the timer fire once after so many nanoseconds; 0 stops it.
int apus_timer_set(int fd, uint64_t nanoseconds);

// Installs a compiled seccomp filter of `count` instructions of 8 bytes. flags as of seccomp(2).
int apus_seccomp_load(const void *instructions, size_t count, unsigned flags);
int apus_mkdirat(int directory, const char *name, unsigned mode);
int apus_touchat(int directory, const char *name, unsigned mode);
int apus_sethostname(const char *name, size_t length);
int apus_setdomainname(const char *name, size_t length);

// Sends bytes and descriptors in one message; returns the bytes sent.
ssize_t apus_send_fds(int socket, const void *bytes, size_t length, const int *fds, size_t count, int flags);
// Receives bytes and up to *count descriptors (close-on-exec); *count becomes how many came.
ssize_t apus_recv_fds(int socket, void *bytes, size_t length, int *fds, size_t *count, int flags);

#ifdef __cplusplus
}
#endif
