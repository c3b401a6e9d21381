// Logs what a process asks of the disk: every write, truncation, sync and removal of a file under $DISK_LOG_OF, in the order of
// asking, to the file $DISK_LOG. Loaded with LD_PRELOAD; see tests/power_cut.py, which reads the log.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE, SYNC_BEGINS, SYNC_ENDED, REMOVE };
enum { NAME = 64 };

struct entry {
    uint32_t what, id;  // the two entries of a sync share an id
    uint64_t offset, length;
    char name[NAME];
};

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int log_fd = -1;
static char folder[512];
static uint32_t n_entries;

__attribute__((constructor)) static void begin(void) {
    const char *of = getenv("DISK_LOG_OF"), *to = getenv("DISK_LOG");
    if (!of || !to) return;
    snprintf(folder, sizeof folder, "%s/", of);
    log_fd = syscall(SYS_openat, AT_FDCWD, to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

// Whether the file is one of those that are watched, and its name in the folder.
static int is_watched(int fd, char *name) {
    char link[64], path[600];
    if (log_fd < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder))) return 0;
    memset(name, 0, NAME);
    strncpy(name, path + strlen(folder), NAME - 1);
    return 1;
}

static uint32_t note(uint32_t what, const char *name, uint64_t offset, uint64_t length, const void *data, uint32_t id) {
    struct entry entry = {.what = what, .offset = offset, .length = length};
    memcpy(entry.name, name, NAME);
    pthread_mutex_lock(&turn);
    entry.id = id ? id : ++n_entries;
    struct iovec parts[2] = {{&entry, sizeof entry}, {(void *)data, data ? length : 0}};
    syscall(SYS_writev, log_fd, parts, data ? 2 : 1);
    pthread_mutex_unlock(&turn);
    return entry.id;
}

#define REAL(function) static __typeof__(&function) real; if (!real) real = (__typeof__(&function))dlsym(RTLD_NEXT, #function)

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
    REAL(pwrite64);
    char name[NAME];
    if (is_watched(fd, name)) note(WRITE, name, offset, length, data, 0);
    return real(fd, data, length, offset);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) {
    REAL(pwrite);
    char name[NAME];
    if (is_watched(fd, name)) note(WRITE, name, offset, length, data, 0);
    return real(fd, data, length, offset);
}

ssize_t write(int fd, const void *data, size_t length) {
    REAL(write);
    char name[NAME];
    if (is_watched(fd, name)) note(WRITE, name, lseek(fd, 0, SEEK_CUR), length, data, 0);
    return real(fd, data, length);
}

int ftruncate64(int fd, off64_t length) {
    REAL(ftruncate64);
    char name[NAME];
    if (is_watched(fd, name)) note(TRUNCATE, name, length, 0, NULL, 0);
    return real(fd, length);
}

int ftruncate(int fd, off_t length) {
    REAL(ftruncate);
    char name[NAME];
    if (is_watched(fd, name)) note(TRUNCATE, name, length, 0, NULL, 0);
    return real(fd, length);
}

int unlink(const char *path) {
    REAL(unlink);
    char name[NAME] = "";
    if (log_fd >= 0 && !strncmp(path, folder, strlen(folder))) {
        strncpy(name, path + strlen(folder), NAME - 1);
        note(REMOVE, name, 0, 0, NULL, 0);
    }
    return real(path);
}

#define SYNC(function)                                                            \
    int function(int fd) {                                                        \
        REAL(function);                                                           \
        char name[NAME];                                                          \
        uint32_t id = is_watched(fd, name) ? note(SYNC_BEGINS, name, 0, 0, NULL, 0) : 0; \
        int failed = real(fd);                                                    \
        if (id && !failed) note(SYNC_ENDED, name, 0, 0, NULL, id);                \
        return failed;                                                            \
    }
SYNC(fsync)
SYNC(fdatasync)
