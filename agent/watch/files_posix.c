/* SPDX-License-Identifier: Apache-2.0 */
/*
 * files_posix.c - files.h on Linux: statx, openat, pread, readdir.
 *
 * Invariants:
 * I1. Files are opened read-only, without blocking, without changing what others see of them.
 */
#include "agent/watch/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static enum err do_statx(int dirfd, const char *path, int flags, struct file_info *ret_info)
{
    struct statx sx;
    if (statx(dirfd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &sx) < 0) {
        return err_of_errno(errno);
    }
    struct file_info info = {
        .place = { .dev = (uint64_t)makedev(sx.stx_dev_major, sx.stx_dev_minor),
                   .ino = sx.stx_ino },
        .size_bytes = sx.stx_size,
        .mtime_ns = sx.stx_mtime.tv_sec * 1000000000LL + sx.stx_mtime.tv_nsec,
        .links = sx.stx_nlink,
        .kind = S_ISREG(sx.stx_mode)   ? FILE_KIND_REGULAR
                : S_ISDIR(sx.stx_mode) ? FILE_KIND_DIR
                : S_ISLNK(sx.stx_mode) ? FILE_KIND_SYMLINK
                                       : FILE_KIND_OTHER,
    };
    if (sx.stx_mask & STATX_BTIME) {
        info.place.btime_ns = sx.stx_btime.tv_sec * 1000000000LL + sx.stx_btime.tv_nsec;
    }
    *ret_info = info;
    return ERR_OK;
}

static enum err posix_stat(struct files *f, const char *path, bool follow,
                           struct file_info *ret_info)
{
    return do_statx(AT_FDCWD, path, follow ? 0 : AT_SYMLINK_NOFOLLOW, ret_info);
}

static enum err posix_open(struct files *f, const char *path, int *ret_fd)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return errno == EMFILE || errno == ENFILE ? ERR_LIMIT : err_of_errno(errno);
    }
    *ret_fd = fd;
    return ERR_OK;
}

static enum err posix_fstat(struct files *f, int fd, struct file_info *ret_info)
{
    return do_statx(fd, "", AT_EMPTY_PATH, ret_info);
}

static enum err posix_pread(struct files *f, int fd, void *bytes, size_t len, uint64_t pos,
                            size_t *ret_n)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(fd, (uint8_t *)bytes + done, len - done, (off_t)(pos + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_of_errno(errno);
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    *ret_n = done;
    return ERR_OK;
}

static void posix_close(struct files *f, int fd)
{
    close(fd);
}

/* A read lease is granted only while nobody has the file open for writing; it needs to be ours or
 * CAP_LEASE, without which the answer is "maybe". */
static bool posix_may_have_writer(struct files *f, int fd)
{
    if (fcntl(fd, F_SETLEASE, F_RDLCK) < 0) {
        return true;
    }
    (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    return false;
}

static enum file_kind kind_of(unsigned char type)
{
    switch (type) {
    case DT_REG:
        return FILE_KIND_REGULAR;
    case DT_DIR:
        return FILE_KIND_DIR;
    case DT_LNK:
        return FILE_KIND_SYMLINK;
    case DT_UNKNOWN:
        return FILE_KIND_UNKNOWN;
    default:
        return FILE_KIND_OTHER;
    }
}

static enum err posix_list(struct files *f, const char *dir,
                           void (*each)(void *ctx, const char *name, enum file_kind kind),
                           void *ctx)
{
    DIR *d = opendir(dir);
    if (!d) {
        return errno == EMFILE || errno == ENFILE ? ERR_LIMIT : err_of_errno(errno);
    }
    enum err rc = ERR_OK;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(d);
        if (!entry) {
            rc = errno ? err_of_errno(errno) : ERR_OK;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            each(ctx, entry->d_name, kind_of(entry->d_type));
        }
    }
    closedir(d);
    return rc;
}

struct files *files_posix(void)
{
    static const struct files_ops ops = {
        .stat = posix_stat,
        .open = posix_open,
        .fstat = posix_fstat,
        .pread = posix_pread,
        .close = posix_close,
        .may_have_writer = posix_may_have_writer,
        .list = posix_list,
    };
    static struct files files = { &ops };
    return &files;
}
