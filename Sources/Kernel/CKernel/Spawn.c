// Copyright the Apus authors. SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "CKernel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x00001000
#endif

// The child shares the parent's memory until it has executed the program (CLONE_VM with CLONE_VFORK), so it
// reports a failed step here.
struct child {
  const struct apus_spawn *request;
  int error;
  const char *step;
};

static void reset_signals(void) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < _NSIG; signal++) {
    if (signal != SIGKILL && signal != SIGSTOP) syscall(SYS_rt_sigaction, signal, &action, NULL, 8);
  }
}

static int move_descriptors(const struct apus_descriptor *descriptors, size_t count) {
  // First out of the way of every target number, then into place: targets may name one another's sources.
  int moved[64];
  int base = 3;
  if (count > 64) {
    errno = EINVAL;
    return -1;
  }
  for (size_t i = 0; i < count; i++) {
    if (descriptors[i].child >= base) base = descriptors[i].child + 1;
  }
  for (size_t i = 0; i < count; i++) {
    moved[i] = fcntl(descriptors[i].parent, F_DUPFD_CLOEXEC, base);
    if (moved[i] < 0) return -1;
  }
  for (size_t i = 0; i < count; i++) {
    if (dup2(moved[i], descriptors[i].child) < 0) return -1;
  }
  return 0;
}

static int fail(struct child *child, const char *step) {
  child->error = errno ? errno : EIO;
  child->step = step;
  return 127;
}

static int run_child(void *argument) {
  struct child *child = argument;
  const struct apus_spawn *request = child->request;
  // Descriptors that some library of the parent forgot to close on exec: the child would keep connections alive that
  // the parent has closed. What is passed on is duplicated to its number below, which clears the flag again.
  syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
  if (request->new_session && setsid() < 0) return fail(child, "setsid");
  if (request->parent_death_signal && prctl(PR_SET_PDEATHSIG, request->parent_death_signal, 0, 0, 0) < 0)
    return fail(child, "prctl PR_SET_PDEATHSIG");
  for (size_t i = 0; i < request->cgroup_count; i++) {
    if (write(request->cgroup_fds[i], "0", 1) < 0) return fail(child, "write cgroup.procs");
  }
  for (size_t i = 0; i < request->join_count; i++) {
    if (setns(request->joins[i].fd, request->joins[i].kind) < 0) return fail(child, "setns");
  }
  if (request->cwd && chdir(request->cwd) < 0) return fail(child, "chdir");
  // The program's own descriptor may be in the way of a target number, too.
  int program = -1;
  if (request->exec_fd >= 0) {
    program = fcntl(request->exec_fd, F_DUPFD_CLOEXEC, 100);
    if (program < 0) return fail(child, "dup");
  }
  if (move_descriptors(request->descriptors, request->descriptor_count) < 0) return fail(child, "dup2");
  reset_signals();
  sigset_t none;
  sigemptyset(&none);
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, 8);
  if (program >= 0) {
    syscall(SYS_execveat, program, "", request->argv, request->envp, 0x1000 /* AT_EMPTY_PATH */);
  } else {
    execve(request->path, request->argv, request->envp);
  }
  return fail(child, "execve");
}

static int run_child_and_exit(void *argument) {
  // _exit and not exit: the parent's buffers and handlers are shared.
  _exit(run_child(argument));
}

#define SPAWN_STACK (64 * 1024)

pid_t apus_spawn(const struct apus_spawn *request, int *pidfd, const char **step) {
  void *stack = mmap(NULL, SPAWN_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) {
    *step = "mmap";
    return -1;
  }
  struct child child = {request, 0, NULL};
  // No handler of the parent may run in the child while both share the memory.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int fd = -1;
  int flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | (int)request->clone_flags;
  pid_t pid = clone(run_child_and_exit, (char *)stack + SPAWN_STACK, flags, &child, &fd);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  munmap(stack, SPAWN_STACK);
  if (pid < 0) {
    *step = "clone";
    errno = error;
    return -1;
  }
  if (child.error) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    close(fd);
    *step = child.step;
    errno = child.error;
    return -1;
  }
  *pidfd = fd;
  return pid;
}

struct pinning {
  const int *kinds;
  const char *const *paths;
  size_t count;
  int error;
  const char *step;
};

static const char *namespace_path(int kind) {
  switch (kind) {
    case CLONE_NEWNET: return "/proc/thread-self/ns/net";
    case CLONE_NEWIPC: return "/proc/thread-self/ns/ipc";
    case CLONE_NEWUTS: return "/proc/thread-self/ns/uts";
    default: return NULL;
  }
}

static void *pin(void *argument) {
  struct pinning *pinning = argument;
  int flags = 0;
  for (size_t i = 0; i < pinning->count; i++) flags |= pinning->kinds[i];
  if (unshare(flags) < 0) {
    pinning->error = errno;
    pinning->step = "unshare";
    return NULL;
  }
  for (size_t i = 0; i < pinning->count; i++) {
    const char *source = namespace_path(pinning->kinds[i]);
    if (!source || mount(source, pinning->paths[i], NULL, MS_BIND, NULL) < 0) {
      pinning->error = source ? errno : EINVAL;
      pinning->step = "mount";
      while (i-- > 0) umount2(pinning->paths[i], MNT_DETACH);
      return NULL;
    }
    if ((pinning->kinds[i] & CLONE_NEWNET) && apus_bring_loopback_up() < 0) {
      // Harmless: the loopback plugin or the container does it again.
    }
  }
  return NULL;
}

int apus_pin_namespaces(const int *kinds, const char *const *paths, size_t count, const char **step) {
  struct pinning pinning = {kinds, paths, count, 0, NULL};
  pthread_t thread;
  int error = pthread_create(&thread, NULL, pin, &pinning);
  if (error) {
    *step = "pthread_create";
    errno = error;
    return -1;
  }
  pthread_join(thread, NULL);
  if (!pinning.error) return 0;
  *step = pinning.step;
  errno = pinning.error;
  return -1;
}

struct visit {
  int fd;
  int kind;
  void (*body)(void *);
  void *context;
  int error;
};

static void *visit_namespace(void *argument) {
  struct visit *visit = argument;
  if (setns(visit->fd, visit->kind) < 0) {
    visit->error = errno;
    return NULL;
  }
  visit->body(visit->context);
  return NULL;
}

int apus_in_namespace(int fd, int kind, void (*body)(void *), void *context) {
  struct visit visit = {fd, kind, body, context, 0};
  pthread_t thread;
  int error = pthread_create(&thread, NULL, visit_namespace, &visit);
  if (error) {
    errno = error;
    return -1;
  }
  pthread_join(thread, NULL);
  if (!visit.error) return 0;
  errno = visit.error;
  return -1;
}
